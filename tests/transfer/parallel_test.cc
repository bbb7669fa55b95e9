// for_each_parallel does each item once, on as many threads as it is told, until one fails.

#include "loader/transfer/parallel.h"

#include <atomic>
#include <latch>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

Error failure(std::size_t item) {
  return Error(ErrorKind::kChecksum, Stage::kTransfer, "item " + std::to_string(item));
}

TEST(ForEachParallel, DoesEachItemOnce) {
  for (const std::size_t count : {0u, 1u, 2u, 7u, 1000u}) {
    for (const unsigned threads : {0u, 1u, 2u, 8u, 64u}) {
      std::vector<std::atomic<int>> done(count);
      EXPECT_OK(for_each_parallel(count, threads, [&](std::size_t i) -> Result<void> {
        ++done.at(i);
        return {};
      }));
      for (const auto& times : done) EXPECT_EQ(times, 1) << count << " " << threads;
    }
  }
}

// The threads that ran 1000 items.
std::set<std::thread::id> threads_used(unsigned threads) {
  std::mutex mutex;
  std::set<std::thread::id> used;
  EXPECT_OK(for_each_parallel(1000, threads, [&](std::size_t) -> Result<void> {
    const std::lock_guard lock(mutex);
    used.insert(std::this_thread::get_id());
    return {};
  }));
  return used;
}

TEST(ForEachParallel, UsesNoMoreThreadsThanItIsTold) {
  EXPECT_EQ(threads_used(1), std::set{std::this_thread::get_id()});
  EXPECT_LE(threads_used(2).size(), 2u);
  EXPECT_LE(threads_used(5).size(), 5u);
}

// Each of four items waits for the other three; the caller's thread does one of them.
TEST(ForEachParallel, RunsItemsAtTheSameTime) {
  std::latch all(4);
  std::mutex mutex;
  std::set<std::thread::id> used;
  EXPECT_OK(for_each_parallel(4, 4, [&](std::size_t) -> Result<void> {
    all.arrive_and_wait();
    const std::lock_guard lock(mutex);
    used.insert(std::this_thread::get_id());
    return {};
  }));
  EXPECT_EQ(used.size(), 4u);
  EXPECT_TRUE(used.contains(std::this_thread::get_id()));
}

TEST(ForEachParallel, ReturnsTheError) {
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (const std::size_t failing : {0u, 1u, 50u, 99u}) {
      const auto result = for_each_parallel(100, threads, [&](std::size_t i) -> Result<void> {
        if (i == failing) return failure(i);
        return {};
      });
      EXPECT_ERROR(result, ErrorKind::kChecksum, "item " + std::to_string(failing) + ".");
    }
  }
}

TEST(ForEachParallel, BeginsNoItemAfterAnError) {
  std::size_t begun = 0;
  const auto result = for_each_parallel(100, 1, [&](std::size_t i) -> Result<void> {
    ++begun;
    if (i == 10) return failure(i);
    return {};
  });
  EXPECT_ERROR(result, ErrorKind::kChecksum, "item 10.");
  EXPECT_EQ(begun, 11u);
}

// All items have begun before any fails, so all of them fail.
TEST(ForEachParallel, ReturnsTheErrorOfTheLowestItem) {
  for (int round = 0; round < 50; ++round) {
    std::latch all(6);
    const auto result = for_each_parallel(6, 6, [&](std::size_t i) -> Result<void> {
      all.arrive_and_wait();
      if (i < 2) return {};
      return failure(i);
    });
    EXPECT_ERROR(result, ErrorKind::kChecksum, "item 2.");
  }
}

// What was begun is finished: nothing of `work` is in use once the call has returned.
TEST(ForEachParallel, WaitsForTheOthersAfterAnError) {
  for (int round = 0; round < 5; ++round) {
    std::latch all(4);
    std::atomic<int> finished = 0;
    const auto result = for_each_parallel(4, 4, [&](std::size_t i) -> Result<void> {
      all.arrive_and_wait();
      if (i == 0) return failure(i);
      for (int spin = 0; spin < 200; ++spin) std::this_thread::yield();
      ++finished;
      return {};
    });
    EXPECT_ERROR(result, ErrorKind::kChecksum, "item 0.");
    EXPECT_EQ(finished, 3);
  }
}

// V09
TEST(ForEachParallel, ThrowsWhatWorkThrowsWhenAllThreadsHaveEnded) {
  for (const unsigned threads : {1u, 4u}) {
    std::atomic<int> running = 0;
    const auto work = [&](std::size_t item) -> Result<void> {
      ++running;
      if (item == 3) {
        --running;
        throw std::logic_error("a caller's own");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --running;
      return {};
    };
    EXPECT_THROW((void)for_each_parallel(100, threads, work), std::logic_error);
    EXPECT_EQ(running, 0);
  }
}

TEST(ForEachParallel, MakesLackOfMemoryAnError) {
  for (const unsigned threads : {1u, 8u}) {
    EXPECT_ERROR(for_each_parallel(100, threads,
                                   [](std::size_t) -> Result<void> { throw std::bad_alloc(); }),
                 ErrorKind::kOutOfMemory, "memory ran out");
  }
  EXPECT_ERROR(for_each_parallel(100, 1,
                                 [](std::size_t i) -> Result<void> {
                                   if (i == 7) throw std::bad_array_new_length();
                                   return {};
                                 }),
               ErrorKind::kOutOfMemory, "memory ran out");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HARDLOAD_TEST_CAN_LIMIT_MEMORY
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef HARDLOAD_TEST_CAN_LIMIT_MEMORY
#endif
#endif

#ifdef HARDLOAD_TEST_CAN_LIMIT_MEMORY
// Exits with 0 where all items are done, by this thread alone, though no other can be started for
// lack of address space for its stack.
[[noreturn]] void work_where_no_thread_can_start() {
  const rlimit none = {0, RLIM_INFINITY};
  ::setrlimit(RLIMIT_AS, &none);
  std::size_t done = 0;
  bool elsewhere = false;
  const auto caller = std::this_thread::get_id();
  const auto result = for_each_parallel(100, 8, [&](std::size_t) -> Result<void> {
    ++done;
    elsewhere = elsewhere || std::this_thread::get_id() != caller;
    return {};
  });
  ::_exit(result.ok() && done == 100 && !elsewhere ? 0 : 1);
}

// In a process of its own, which has no stacks of earlier threads left.
TEST(ForEachParallelDeathTest, DoesAllWorkOnOneThreadWhereTheSystemGivesNoMore) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(work_where_no_thread_can_start(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace hardload
