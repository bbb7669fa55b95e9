#include "loader/torch/host_memory.h"

#include <memory>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>

#include "loader/torch/guard.h"

namespace hardload {
namespace {

c10::Storage storage_of(std::uint64_t bytes, c10::DataPtr data) {
  return c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), static_cast<std::int64_t>(bytes), std::move(data),
      c10::GetAllocator(c10::DeviceType::CPU), /*resizable=*/true);
}

}  // namespace

Result<std::span<std::byte>> HostMemory::allocate(std::size_t storage, std::uint64_t bytes) {
  return guarded([&]() -> Result<std::span<std::byte>> {
    if (!arena_) {
      std::vector<std::uint64_t> sizes;
      for (const std::size_t number : order_) sizes.push_back(manifest_.storages()[number].bytes);
      HARDLOAD_ASSIGN(arena_, Arena::make(sizes));
    }
    const Arena::Piece piece = arena_->next();
    storages_[storage] = storage_of(
        bytes, c10::DataPtr(piece.data, piece.owner, &Arena::release, c10::DeviceType::CPU));
    return std::span(piece.data, bytes);
  });
}

bool is_ordinary_memory(const c10::DataPtr& data) {
  return data.get_deleter() == &Arena::release ||
         data.get_deleter() == c10::GetAllocator(c10::DeviceType::CPU)->raw_deleter();
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

c10::Storage meta_storage(std::uint64_t bytes) {
  return c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), static_cast<std::int64_t>(bytes),
      c10::GetAllocator(c10::DeviceType::Meta), /*resizable=*/true);
}

}  // namespace hardload
