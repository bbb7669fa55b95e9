// HostMemory: the sink that fills new memory of the CPU.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <c10/core/Storage.h>

#include "loader/manifest/manifest.h"
#include "loader/transfer/arena.h"
#include "loader/transfer/sink.h"

namespace hardload {

// One c10::Storage per storage of the manifest, all of them in one Arena. They can be resized like
// any other.
class HostMemory final : public Sink {
 public:
  // For `storages` (numbers of the manifest), which are to be allocated in this order. Both have to
  // outlive it.
  HostMemory(const Manifest& manifest, std::span<const std::size_t> storages)
      : manifest_(manifest), order_(storages), storages_(manifest.storages().size()) {}

  // Errors: kOutOfMemory.
  Result<std::span<std::byte>> allocate(std::size_t storage, std::uint64_t bytes) override;

  // The storages by number; those that were not allocated are empty handles.
  std::vector<c10::Storage> take() && { return std::move(storages_); }

 private:
  const Manifest& manifest_;
  const std::span<const std::size_t> order_;
  std::vector<c10::Storage> storages_;
  std::optional<Arena> arena_;  // for all of them, from the first on
};

// Whether it is a storage's own memory, new or of HostMemory, that another may take the place of:
// not somebody's buffer, a mapping, pinned or shared.
bool is_ordinary_memory(const c10::DataPtr& data);

// A storage over bytes of somebody else, whom `owner` keeps alive.
c10::Storage lend_storage(std::span<std::byte> bytes, std::shared_ptr<const void> owner);

// A storage without memory on the meta device.
c10::Storage meta_storage(std::uint64_t bytes);

}  // namespace hardload
