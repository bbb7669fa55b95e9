// BufferPool: buffers that threads use one after the other.
//
// A thread takes one, and gives it back by letting go of it; so many are made as are in use at a
// time. They lie together in huge pages: a disk reads into one of these with few requests, into
// small pages, which lie anywhere, with many (bench/mechanisms.cc).
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "loader/base/result.h"

namespace hardload {

class BufferPool {
 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  using Slab = std::unique_ptr<std::byte, Free>;

 public:
  // Buffers of `bytes` bytes, aligned to pages of memory.
  explicit BufferPool(std::size_t bytes) : bytes_(bytes) {}

  class Buffer {
   public:
    Buffer(Buffer&& other) noexcept
        : pool_(other.pool_), memory_(std::exchange(other.memory_, nullptr)) {}
    ~Buffer() {
      if (memory_ != nullptr) pool_->give_back(memory_);
    }
    std::span<std::byte> bytes() const { return {memory_, pool_->bytes_}; }

   private:
    friend BufferPool;
    Buffer(BufferPool* pool, std::byte* memory) : pool_(pool), memory_(memory) {}
    BufferPool* pool_;
    std::byte* memory_;
  };

  // Errors: kOutOfMemory. Threads: any.
  Result<Buffer> take();

 private:
  Result<void> add_slab();
  void give_back(std::byte* memory);

  const std::size_t bytes_;
  std::mutex mutex_;
  std::vector<Slab> slabs_;
  std::vector<std::byte*> free_;  // with room for all buffers there are
};

}  // namespace hardload
