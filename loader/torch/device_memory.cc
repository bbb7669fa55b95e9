#include "loader/torch/device_memory.h"

#include <memory>
#include <string>
#include <utility>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/StorageImpl.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include "loader/base/text.h"
#include "loader/torch/guard.h"

namespace hardload {
namespace {

constexpr std::uint64_t kUnit = DeviceCopies::kUnit;
// Small storages share memory of up to this many bytes.
constexpr std::uint64_t kShared = 1 << 20;

std::uint64_t in_units(std::uint64_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

// What the device says is wrong, with its name.
template <typename Work>
std::invoke_result_t<Work> on_device(c10::Device device, Work&& work) {
  auto done = guarded(std::forward<Work>(work));
  if (done.ok() || done.error().kind() == ErrorKind::kOutOfMemory) return done;
  return Error(ErrorKind::kDevice, Stage::kTorch,
               concat("device ", device.str(), ": ", done.error().problem()));
}

c10::Storage new_storage(std::uint64_t bytes, c10::Device device) {
  const auto options = at::TensorOptions().dtype(c10::ScalarType::Byte).device(device);
  return at::empty({static_cast<std::int64_t>(bytes)}, options).storage();
}

// Memory that several storages share.
class Shared {
 public:
  explicit Shared(c10::Storage memory) : memory_(std::move(memory)) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    // LibTorch keeps account of the streams that use a storage (record_stream) only where the
    // storage's memory is its allocator's own. So nobody may be at work when this memory goes back.
    try {
      const c10::Device device = memory_.device();
      c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
    } catch (const std::exception&) {
      // A device without streams, or one that is gone: as at the end of the process.
    }
  }
  const c10::Storage& memory() const { return memory_; }

 private:
  const c10::Storage memory_;
};

// The `bytes` bytes at `offset` of the memory.
c10::Storage share(const std::shared_ptr<const Shared>& shared, std::uint64_t offset,
                   std::uint64_t bytes) {
  using Owner = std::shared_ptr<const Shared>;
  auto owner = std::make_unique<Owner>(shared);
  const c10::Storage& memory = shared->memory();
  c10::DataPtr data(
      static_cast<std::byte*>(memory.mutable_data()) + offset, owner.release(),
      [](void* pointer) { delete static_cast<Owner*>(pointer); }, memory.device());
  return c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(),
                                               static_cast<std::int64_t>(bytes), std::move(data),
                                               memory.allocator(), /*resizable=*/true);
}

c10::DataPtr page_locked(std::uint64_t bytes, c10::DeviceType type) {
  try {
    return at::globalContext().getPinnedMemoryAllocator(type)->allocate(bytes);
  } catch (const c10::Error&) {
    // The type has none, or there is none left: ordinary memory is slower, and does as well.
    return c10::GetCPUAllocator()->allocate(bytes);
  }
}

// The bytes as a tensor, which does not own them.
at::Tensor view(const void* memory, std::uint64_t bytes, c10::Device device) {
  return at::for_blob(const_cast<void*>(memory), {static_cast<std::int64_t>(bytes)})
      .options(at::TensorOptions().dtype(c10::ScalarType::Byte).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace

Result<std::vector<c10::Storage>> DeviceMemory::allocate(
    std::span<const std::uint64_t> sizes) const {
  return on_device(device_, [&]() -> Result<std::vector<c10::Storage>> {
    std::vector<c10::Storage> storages(sizes.size());
    std::vector<std::size_t> together;  // small ones, which will share memory
    std::uint64_t end = 0;              // of that memory so far
    const auto share_memory = [&] {
      // The unit at the end keeps them apart from what follows in the device's memory.
      const auto shared = std::make_shared<const Shared>(new_storage(end + kUnit, device_));
      std::uint64_t offset = 0;
      for (const std::size_t i : together) {
        storages[i] = share(shared, offset, sizes[i]);
        offset += in_units(sizes[i]);
      }
      together.clear();
      end = 0;
    };
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 0 || sizes[i] > kSmall) {
        storages[i] = new_storage(sizes[i], device_);
        continue;
      }
      together.push_back(i);
      end += in_units(sizes[i]);
      if (end + kSmall + kUnit > kShared) share_memory();
    }
    if (!together.empty()) share_memory();
    return storages;
  });
}

Result<std::span<std::byte>> DeviceMemory::staging(std::size_t slots, std::uint64_t bytes) {
  return on_device(device_, [&]() -> Result<std::span<std::byte>> {
    const c10::impl::VirtualGuardImpl guard(device_.type());
    guard.getStream(device_).synchronize();
    for (std::size_t i = 0; i < slots; ++i) streams_.push_back(guard.getNewStream(device_));
    staging_ = page_locked(slots * bytes, device_.type());
    return std::span(static_cast<std::byte*>(staging_.mutable_get()), slots * bytes);
  });
}

Result<void> DeviceMemory::copy(std::size_t slot, std::span<const std::byte> bytes,
                                std::byte* address) {
  return on_device(device_, [&]() -> Result<void> {
    const c10::StreamGuard guard(streams_[slot]);
    view(address, bytes.size(), device_)
        .copy_(view(bytes.data(), bytes.size(), c10::DeviceType::CPU), /*non_blocking=*/true);
    return {};
  });
}

Result<void> DeviceMemory::finish(std::size_t slot) {
  return on_device(device_, [&]() -> Result<void> {
    streams_[slot].synchronize();
    return {};
  });
}

}  // namespace hardload
