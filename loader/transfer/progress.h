// Progress: tells the caller how far the moving of bytes has come, and lets him stop it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "loader/base/result.h"

namespace hardload {

// Called with the bytes moved so far and the bytes to move, now and then and at the end, from one
// thread at a time, not always the same; false asks to stop. Keep it short: others wait for it.
using ReportProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

class Progress {
 public:
  Progress(ReportProgress report, std::uint64_t total)
      : report_(std::move(report)), total_(total) {}

  // Counts `bytes` more as moved. Errors: kCancelled where `report` asked to stop, or threw; for
  // every call from then on. Threads: any.
  Result<void> add(std::uint64_t bytes);

 private:
  // Often enough for a bar that moves, seldom enough to cost nothing.
  static constexpr std::uint64_t kStep = 4 << 20;

  const ReportProgress report_;
  const std::uint64_t total_;
  std::mutex mutex_;
  std::uint64_t done_ = 0, reported_ = 0;
  bool is_cancelled_ = false;
};

}  // namespace hardload
