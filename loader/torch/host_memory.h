// HostMemory: the sink that fills new memory of the CPU.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <c10/core/Storage.h>

#include "loader/base/result.h"
#include "loader/transfer/sink.h"

namespace hardload {

// One c10::Storage per storage of the manifest, all of them in one Arena. They can be resized like
// any other.
class HostMemory final : public Sink {
 public:
  // `storages`: how many the manifest has.
  explicit HostMemory(std::size_t storages) : storages_(storages) {}

  Result<std::vector<std::span<std::byte>>> allocate(std::span<const Wanted> storages) override;

  // The storages by number; those that were not allocated are empty handles.
  std::vector<c10::Storage> take() && { return std::move(storages_); }

 private:
  std::vector<c10::Storage> storages_;
};

// Whether it is a storage's own memory, new or of HostMemory, that another may take the place of:
// not somebody's buffer, a mapping, pinned or shared.
bool is_ordinary_memory(const c10::DataPtr& data);

// A storage over bytes of somebody else, whom `owner` keeps alive.
c10::Storage lend_storage(std::span<std::byte> bytes, std::shared_ptr<const void> owner);

// A storage without memory on the meta device.
c10::Storage meta_storage(std::uint64_t bytes);

}  // namespace hardload
