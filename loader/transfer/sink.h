// Sink: where the bytes of storages are moved to.
//
// The transfer stage knows files and threads, not LibTorch: whoever calls it hands out the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/base/result.h"

namespace hardload {

class Sink {
 public:
  virtual ~Sink() = default;

  // `bytes` bytes of host memory for storage `storage` (a number of the manifest), which the sink
  // owns. Called once per storage, from the calling thread, for all storages before the first byte
  // is moved: a sink that runs out of memory here has changed nothing. Errors: kOutOfMemory.
  virtual Result<std::span<std::byte>> allocate(std::size_t storage, std::uint64_t bytes) = 0;
};

}  // namespace hardload
