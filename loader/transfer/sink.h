// Sink: where the bytes of storages are moved to.
//
// The transfer stage knows files and threads, not LibTorch: whoever calls it hands out the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "loader/base/result.h"
#include "loader/transfer/device_copies.h"

namespace hardload {

class Sink {
 public:
  virtual ~Sink() = default;

  // A storage that is wanted: its number in the manifest, and its size.
  struct Wanted {
    std::size_t storage;
    std::uint64_t bytes;
  };
  // Memory of that size: the host's, or a device's, whose address only the device understands.
  struct Destination {
    std::byte* memory;
    DeviceCopies* device = nullptr;  // nullptr: the host's
  };

  // Memory for each of the storages, in their order, which the sink owns, as it does the devices.
  // Called once, before the first byte is moved: a sink that runs out of memory here has changed
  // nothing. Errors: kOutOfMemory, kDevice.
  virtual Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) = 0;
};

}  // namespace hardload
