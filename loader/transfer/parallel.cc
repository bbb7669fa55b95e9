#include "loader/transfer/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hardload {

unsigned machine_threads() { return std::max(1u, std::thread::hardware_concurrency()); }

Result<void> for_each_parallel(std::size_t count, unsigned threads,
                               const std::function<Result<void>(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::size_t failed_item = count;  // guarded by mutex, as are these, of which one is set:
  std::optional<Error> error;
  std::exception_ptr thrown;

  // Nothing may leave it while threads run, and where memory has run out nothing is allocated.
  const auto run = [&]() noexcept {
    while (!failed.load(std::memory_order_relaxed)) {
      const std::size_t item = next.fetch_add(1, std::memory_order_relaxed);
      if (item >= count) return;
      std::optional<Error> wrong;
      std::exception_ptr exception;
      try {
        auto result = work(item);
        if (result.ok()) continue;
        wrong = std::move(result).error();
      } catch (...) {
        exception = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      failed = true;
      if (item < failed_item) {
        failed_item = item;
        error = std::move(wrong);
        thrown = exception;
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
  if (thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "memory ran out");
    }
  }
  return {};
}

}  // namespace hardload
