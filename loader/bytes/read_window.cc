#include "loader/bytes/read_window.h"

#include <algorithm>
#include <utility>

namespace hardload {

Result<std::span<const std::byte>> ReadWindow::at(std::uint64_t offset, std::size_t count) {
  constexpr std::uint64_t kNear = 64 << 10;
  constexpr std::uint64_t kAlone = 512;

  const std::uint64_t end = start_ + window_.size();
  if (offset < start_ || offset > end || count > end - offset) {
    HARDLOAD_TRY(source_.check_range(offset, count));
    const bool close = !window_.empty() && offset >= start_ && offset - start_ < kNear;
    const std::uint64_t wanted = std::max<std::uint64_t>(count, close ? kNear : kAlone);
    window_.resize(std::min(wanted, source_.size() - offset));
    start_ = offset;
    if (auto read = source_.read_at(offset, window_); !read.ok()) {
      window_.clear();  // what it holds now was never read
      return std::move(read).error();
    }
  }
  return std::span<const std::byte>(window_).subspan(offset - start_, count);
}

}  // namespace hardload
