// DeviceCopies: how bytes come from host memory to the memory of one device.
//
// The transfer stage knows files and threads, not LibTorch: a Sink hands one of these out for each
// device on which it has memory, and StagingRing uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/base/result.h"

namespace hardload {

class DeviceCopies {
 public:
  // What holds for the memory of storages of up to kSmall bytes: the bytes behind one, up to a
  // multiple of kUnit from its begin, are its own, too, and may be written; where another follows
  // there, it is of the same allocation. So one copy can bring both. (LibTorch's own allocator for
  // CUDA rounds to as many bytes.)
  static constexpr std::uint64_t kSmall = 64 << 10;
  static constexpr std::uint64_t kUnit = 512;

  virtual ~DeviceCopies() = default;

  // Host memory of `slots` times `bytes` bytes, from which the device copies best. A slot is also a
  // queue of copies of its own. Called once, before the other two; the memory lives as long as this
  // object. Errors: kOutOfMemory, kDevice.
  virtual Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) = 0;

  // Begins to copy `bytes`, which stand in the staging memory of `slot`, to `address` on the
  // device. They stay as they are until finish(slot). After an error it is unknown whether it was
  // begun. Threads: any, but one at a time for each slot; so for finish. Errors: kDevice,
  // kOutOfMemory.
  virtual Result<void> copy(std::size_t slot, std::span<const std::byte> bytes,
                            std::byte* address) = 0;

  // Waits until everything that was begun for `slot` is done. Errors: kDevice, also where something
  // went wrong on the device meanwhile; nothing is on its way then, either.
  virtual Result<void> finish(std::size_t slot) = 0;
};

}  // namespace hardload
