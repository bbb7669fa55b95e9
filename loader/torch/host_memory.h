// HostMemory: the sink that fills LibTorch's own CPU memory.
#pragma once

#include <vector>

#include <c10/core/Storage.h>

#include "loader/transfer/sink.h"

namespace hardload {

// One c10::Storage per storage of the manifest, allocated with LibTorch's CPU allocator, so that
// they can be resized and freed like any other.
class HostMemory final : public Sink {
 public:
  explicit HostMemory(std::size_t storages) : storages_(storages) {}

  // Errors: kOutOfMemory.
  Result<std::span<std::byte>> allocate(std::size_t storage, std::uint64_t bytes) override;

  // The storages by number; those that were not allocated are empty handles.
  std::vector<c10::Storage> take() && { return std::move(storages_); }

 private:
  std::vector<c10::Storage> storages_;
};

// A storage over bytes of somebody else, whom `owner` keeps alive.
c10::Storage lend_storage(std::span<std::byte> bytes, std::shared_ptr<const void> owner);

// A storage without memory on the meta device.
c10::Storage meta_storage(std::uint64_t bytes);

}  // namespace hardload
