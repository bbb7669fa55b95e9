#include "loader/torch/host_memory.h"

#include <memory>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>

#include "loader/torch/guard.h"
#include "loader/transfer/arena.h"

namespace hardload {
namespace {

c10::Storage storage_of(std::uint64_t bytes, c10::DataPtr data) {
  return c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), static_cast<std::int64_t>(bytes), std::move(data),
      c10::GetAllocator(c10::DeviceType::CPU), /*resizable=*/true);
}

}  // namespace

Result<std::vector<c10::Storage>> host_storages(std::span<const std::uint64_t> sizes) {
  return guarded([&]() -> Result<std::vector<c10::Storage>> {
    HARDLOAD_ASSIGN(Arena arena, Arena::make(sizes));
    std::vector<c10::Storage> storages;
    storages.reserve(sizes.size());
    for (const std::uint64_t bytes : sizes) {
      const Arena::Piece piece = arena.next();
      storages.push_back(storage_of(
          bytes, c10::DataPtr(piece.data, piece.owner, &Arena::release, c10::DeviceType::CPU)));
    }
    return storages;
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
