#include "loader/transfer/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hardload {
namespace {

Result<void> guarded(const std::function<Result<void>(std::size_t)>& work, std::size_t item) try {
  return work(item);
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "memory ran out");
}

}  // namespace

unsigned machine_threads() { return std::max(1u, std::thread::hardware_concurrency()); }

Result<void> for_each_parallel(std::size_t count, unsigned threads,
                               const std::function<Result<void>(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::size_t failed_item = count;  // guarded by mutex, as is:
  std::optional<Error> error;

  const auto run = [&] {
    while (!failed.load(std::memory_order_relaxed)) {
      const std::size_t item = next.fetch_add(1, std::memory_order_relaxed);
      if (item >= count) return;
      auto result = guarded(work, item);
      if (result.ok()) continue;
      const std::lock_guard lock(mutex);
      failed = true;
      if (item < failed_item) {
        failed_item = item;
        error = std::move(result).error();
      }
    }
  };

  if (threads == 0) threads = machine_threads();
  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(threads, count);
  try {
    helpers.reserve(wanted);
    for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // The system gives no more threads; those that run, and this one, do the work.
  } catch (const std::bad_alloc&) {
    // The same.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
  if (error) return *std::move(error);
  return {};
}

}  // namespace hardload
