#include "loader/torch/host_memory.h"

#include <memory>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>

#include "loader/torch/guard.h"

namespace hardload {
namespace {

c10::Storage new_storage(c10::DeviceType type, std::uint64_t bytes) {
  return c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(),
                                               static_cast<std::int64_t>(bytes),
                                               c10::GetAllocator(type), /*resizable=*/true);
}

}  // namespace

Result<std::span<std::byte>> HostMemory::allocate(std::size_t storage, std::uint64_t bytes) {
  return guarded([&]() -> Result<std::span<std::byte>> {
    storages_[storage] = new_storage(c10::DeviceType::CPU, bytes);
    return std::span(static_cast<std::byte*>(storages_[storage].mutable_data()), bytes);
  });
}

c10::Storage lend_storage(std::span<std::byte> bytes, std::shared_ptr<const void> owner) {
  using Owner = std::shared_ptr<const void>;
  auto context = std::make_unique<Owner>(std::move(owner));
  c10::DataPtr data(
      bytes.data(), context.release(), [](void* pointer) { delete static_cast<Owner*>(pointer); },
      c10::DeviceType::CPU);
  return c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(),
                                               static_cast<std::int64_t>(bytes.size()),
                                               std::move(data), /*allocator=*/nullptr,
                                               /*resizable=*/false);
}

c10::Storage meta_storage(std::uint64_t bytes) { return new_storage(c10::DeviceType::Meta, bytes); }

}  // namespace hardload
