#include "loader/transfer/buffer_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/failing_memory.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

constexpr std::size_t kBytes = 5000;

TEST(BufferPool, BuffersAreWholeAlignedAndDoNotOverlap) {
  BufferPool pool(kBytes);
  std::vector<BufferPool::Buffer> buffers;
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
  for (int i = 0; i < 20; ++i) {  // more than lie in one slab
    auto buffer = pool.take();
    ASSERT_OK(buffer);
    const auto bytes = buffer->bytes();
    EXPECT_EQ(bytes.size(), kBytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 4096, 0u);
    std::memset(bytes.data(), i, bytes.size());
    ranges.emplace_back(bytes.data(), bytes.data() + bytes.size());
    buffers.push_back(*std::move(buffer));
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_LE(ranges[i - 1].second, ranges[i].first);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    for (const std::byte byte : buffers[i].bytes()) ASSERT_EQ(byte, static_cast<std::byte>(i));
  }
}

TEST(BufferPool, WhatIsLetGoOfIsUsedAgain) {
  BufferPool pool(kBytes);
  std::set<const std::byte*> seen;
  for (int i = 0; i < 100; ++i) seen.insert(pool.take().value().bytes().data());
  EXPECT_EQ(seen.size(), 1u);
}

TEST(BufferPool, AMovedBufferIsGivenBackOnce) {
  BufferPool pool(kBytes);
  {
    BufferPool::Buffer first = pool.take().value();
    const BufferPool::Buffer second = std::move(first);
  }
  const BufferPool::Buffer one = pool.take().value(), other = pool.take().value();
  EXPECT_NE(one.bytes().data(), other.bytes().data());
}

TEST(BufferPool, NoTwoThreadsHaveOneBuffer) {
  BufferPool pool(kBytes);
  std::atomic<bool> fine = true;
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 200; ++i) {
        const BufferPool::Buffer buffer = pool.take().value();
        std::memset(buffer.bytes().data(), number, kBytes);
        for (const std::byte byte : buffer.bytes()) {
          if (byte != static_cast<std::byte>(number)) fine = false;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(fine);
}

// The lists of slabs and of free buffers, whichever cannot grow. The pool is as before.
TEST(BufferPool, NoMemoryForItsListsIsAnError) {
  BufferPool pool(kBytes);
  long failed = 0;
  for (;; ++failed) {
    testing::fail_allocation(failed);
    const auto buffer = pool.take();
    testing::fail_allocation(testing::kNone);
    if (buffer.ok()) break;
    ASSERT_TRUE(testing::is_error(buffer, ErrorKind::kOutOfMemory, "no memory for a buffer"));
  }
  EXPECT_GT(failed, 1);
  EXPECT_OK(pool.take());
}

TEST(BufferPool, NoMemoryIsAnError) {
  BufferPool pool(std::size_t{1} << 58);
  EXPECT_ERROR(pool.take(), ErrorKind::kOutOfMemory, "no memory for a buffer");
}

}  // namespace
}  // namespace hardload
