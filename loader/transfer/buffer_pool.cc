#include "loader/transfer/buffer_pool.h"

#include <cstdlib>
#include <new>

namespace hardload {

void BufferPool::Free::operator()(std::byte* memory) const { std::free(memory); }

Result<BufferPool::Buffer> BufferPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Memory memory = std::move(free_.back());
      free_.pop_back();
      return Buffer(this, std::move(memory));
    }
  }
  constexpr std::size_t kPage = 4096;
  const std::size_t whole = (bytes_ + kPage - 1) / kPage * kPage;
  Memory memory(static_cast<std::byte*>(std::aligned_alloc(kPage, whole)));
  if (!memory) {
    return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "there is no memory for a buffer");
  }
  return Buffer(this, std::move(memory));
}

void BufferPool::give_back(Memory memory) {
  const std::lock_guard lock(mutex_);
  try {
    free_.push_back(std::move(memory));
  } catch (const std::bad_alloc&) {
    // Then it is freed.
  }
}

}  // namespace hardload
