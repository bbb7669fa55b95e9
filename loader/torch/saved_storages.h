// SavedStorages: the storages of a file that is being written, and how each is referred to.
//
// Torch numbers storages in the order of their first use. Each reference says which elements the
// storage has: "FloatStorage", 24. Python refuses to save tensors that view one storage as
// different types (torch/serialization.py, _save). Here such a storage, and one that is not a whole
// number of elements, is referred to as what it is, an untyped one, as torch does for newer types.
// Whether that is needed is known only at the end: then the pickle is written again.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <c10/core/Storage.h>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/pickle/tensor_calls.h"

namespace hardload {

class SavedStorages {
 public:
  using Untyped = std::unordered_set<const c10::StorageImpl*>;

  // `untyped`: storages that are known to need it.
  explicit SavedStorages(Untyped untyped) : untyped_(std::move(untyped)) {}

  // Whether a tensor of `dtype` refers to `storage` as an untyped one.
  bool is_untyped(const c10::Storage& storage, Dtype dtype) const;

  // How a tensor of `dtype` refers to `storage`, which is numbered if it is new. Errors:
  // kUnsupported where a quantized tensor shares its storage with one of another type.
  Result<StorageReference> refer(const c10::Storage& storage, Dtype dtype);

  // Storages that were referred to as different types. If there are any, the pickle is of no use
  // and is written again with these.
  const Untyped& untyped() const { return untyped_; }
  bool is_wrong() const { return is_wrong_; }

  // By number: that of the record's name.
  const std::vector<c10::Storage>& storages() const { return storages_; }

 private:
  struct Known {
    std::size_t number;
    Dtype element;  // as it was first referred to
  };

  Untyped untyped_;
  bool is_wrong_ = false;
  std::vector<c10::Storage> storages_;
  std::unordered_map<const c10::StorageImpl*, Known> known_;
};

}  // namespace hardload
