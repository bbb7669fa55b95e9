// StorageId: what a checkpoint's object says of a storage that it refers to.
//
// A persistent id is a tuple (torch/serialization.py: persistent_id, persistent_load): in a zip
// ('storage', storage class, key, location, number of elements); before torch 1.6 a sixth item
// follows, None or, in torch 0.3 and older, (key, offset, number of elements) of a slice of the
// storage that the other items are about. In the tar of torch 0.1 it is a number: see SavedObjects.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/container/container.h"
#include "loader/pickle/value.h"

namespace hardload {

// A part of a storage that was a storage of its own, sharing memory. In elements.
struct StorageSlice {
  std::string_view key;
  std::uint64_t offset;
  std::uint64_t numel;
};

struct StorageId {
  Dtype dtype;                // uint8 for an untyped storage
  std::string_view key;       // of the whole storage
  std::string_view location;  // "cpu", "cuda:0"
  std::uint64_t numel;
  std::uint64_t bytes;
  std::optional<StorageSlice> slice = {};
};

// The id that the tuple `id` of the graph is; its texts lie in the graph. Errors: kPersId for
// another form; kName for a key that is unsafe; kLimit for a long location; kStorage for a number
// of elements that is negative or overflows, and for a slice outside of its storage.
Result<StorageId> read_storage_id(const ValueGraph& graph, Slot id, Format format);

// That the slice is inside of the storage, and both are inside of memory; fills `bytes`. For ids
// that are made otherwise. Errors: kStorage.
Result<void> check_storage_id(StorageId& id);

}  // namespace hardload
