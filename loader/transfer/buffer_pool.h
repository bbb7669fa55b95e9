// BufferPool: buffers that threads use one after the other.
//
// A thread takes one, and gives it back by letting go of it; so many are made as are in use at a
// time.
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
  using Memory = std::unique_ptr<std::byte, Free>;

 public:
  // Buffers of `bytes` bytes, aligned to pages of memory.
  explicit BufferPool(std::size_t bytes) : bytes_(bytes) {}

  class Buffer {
   public:
    Buffer(Buffer&&) = default;
    ~Buffer() {
      if (memory_) pool_->give_back(std::move(memory_));
    }
    std::span<std::byte> bytes() const { return {memory_.get(), pool_->bytes_}; }

   private:
    friend BufferPool;
    Buffer(BufferPool* pool, Memory memory) : pool_(pool), memory_(std::move(memory)) {}
    BufferPool* pool_;
    Memory memory_;
  };

  // Errors: kOutOfMemory. Threads: any.
  Result<Buffer> take();

 private:
  void give_back(Memory memory);

  const std::size_t bytes_;
  std::mutex mutex_;
  std::vector<Memory> free_;
};

}  // namespace hardload
