#include "loader/transfer/progress.h"

namespace hardload {

Result<void> Progress::add(std::uint64_t bytes) {
  if (!report_) return {};
  const std::lock_guard lock(mutex_);
  done_ += bytes;
  const bool is_due = bytes == 0 || done_ == total_ || done_ - reported_ >= kStep;
  if (is_due && !is_cancelled_) {
    reported_ = done_;
    try {
      is_cancelled_ = !report_(done_, total_);
    } catch (...) {  // it may be a thread of ours that it was called from
      is_cancelled_ = true;
    }
  }
  if (!is_cancelled_) return {};
  return Error(ErrorKind::kCancelled, Stage::kTransfer, "loading was stopped by the caller");
}

}  // namespace hardload
