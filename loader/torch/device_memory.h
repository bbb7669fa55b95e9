// DeviceMemory: new memory of one device, and the way there.
//
// Through c10's device-generic interfaces alone, so that no header of a device's own is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/Device.h>
#include <c10/core/Storage.h>
#include <c10/core/Stream.h>

#include "loader/base/result.h"
#include "loader/transfer/device_copies.h"

namespace hardload {

class DeviceMemory final : public DeviceCopies {
 public:
  explicit DeviceMemory(c10::Device device) : device_(device) {}

  // A storage of each of these sizes, on the device. Each can be resized and freed for itself, but
  // the memory of small ones is shared, and goes back when the last of them is freed. Errors:
  // kOutOfMemory, kDevice.
  Result<std::vector<c10::Storage>> allocate(std::span<const std::uint64_t> sizes) const;

  // Page-locked where the device's type has such memory, with a stream for each slot. They begin
  // when what the calling thread's current stream has to do is done: until then, its allocator may
  // have given the storages' memory to somebody else.
  Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) override;
  Result<void> copy(std::size_t slot, std::span<const std::byte> bytes,
                    std::byte* address) override;
  Result<void> finish(std::size_t slot) override;

 private:
  const c10::Device device_;
  c10::DataPtr staging_;
  std::vector<c10::Stream> streams_;  // of the slots
};

}  // namespace hardload
