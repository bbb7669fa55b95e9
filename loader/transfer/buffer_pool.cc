#include "loader/transfer/buffer_pool.h"

#include <cstdlib>
#include <new>

#include "loader/bytes/huge_pages.h"

namespace hardload {
namespace {

Error no_memory() {
  return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "there is no memory for a buffer");
}

}  // namespace

void BufferPool::Free::operator()(std::byte* memory) const { std::free(memory); }

Result<BufferPool::Buffer> BufferPool::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) HARDLOAD_TRY(add_slab());
  std::byte* memory = free_.back();
  free_.pop_back();
  return Buffer(this, memory);
}

// Memory for some buffers more. What is never used of it costs nothing.
Result<void> BufferPool::add_slab() try {
  constexpr std::size_t kBuffers = 8, kPage = 4096, kHugePage = 2 << 20;
  const std::size_t each = (bytes_ + kPage - 1) / kPage * kPage;
  const std::size_t whole = (kBuffers * each + kHugePage - 1) / kHugePage * kHugePage;
  slabs_.reserve(slabs_.size() + 1);
  free_.reserve(kBuffers * (slabs_.size() + 1));
  Slab slab(static_cast<std::byte*>(std::aligned_alloc(kHugePage, whole)));
  if (!slab) return no_memory();
  advise_huge_pages({slab.get(), whole});
  for (std::size_t i = 0; i < kBuffers; ++i) free_.push_back(slab.get() + i * each);
  slabs_.push_back(std::move(slab));
  return {};
} catch (const std::bad_alloc&) {
  return no_memory();
}

void BufferPool::give_back(std::byte* memory) {
  const std::lock_guard lock(mutex_);
  free_.push_back(memory);  // add_slab() has made room
}

}  // namespace hardload
