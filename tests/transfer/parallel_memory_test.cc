// for_each_parallel survives lack of memory at each of its own allocations.

#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>
#include <unistd.h>

#include "loader/transfer/parallel.h"

namespace {

std::atomic<int> allocations_left = -1;  // below 0: any number

void* allocate(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace hardload {
namespace {

// Exits with 0 where it returns, successful or not.
[[noreturn]] void fail_allocation(int k) {
  const std::function<Result<void>(std::size_t)> nothing = [](std::size_t) {
    return Result<void>();
  };
  allocations_left = k;
  const auto result = for_each_parallel(64, 4, nothing);
  allocations_left = -1;
  ::_exit(result.ok() || result.error().kind() == ErrorKind::kOutOfMemory ? 0 : 1);
}

// V09
TEST(ForEachParallelDeathTest, SurvivesLackOfMemoryForThreads) {
  for (int k = 0; k < 6; ++k) {
    EXPECT_EXIT(fail_allocation(k), ::testing::ExitedWithCode(0), "") << k;
  }
}

}  // namespace
}  // namespace hardload
