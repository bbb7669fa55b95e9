// ProgressBar: how far a long command is, in one line of a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "loader/base/text.h"
#include "loader/cli/size_text.h"

namespace hardload {

// "[##########          ]  50 %, 1.0 GB of 2.1 GB"
inline std::string progress_line(std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kWidth = 20;
  const double part = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<std::uint64_t>(part * kWidth);
  const auto percent = static_cast<std::uint64_t>(part * 100);
  return concat("[", std::string(filled, '#'), std::string(kWidth - filled, ' '), "] ",
                percent < 10    ? "  "
                : percent < 100 ? " "
                                : "",
                percent, " %, ", size_text(done), " of ", size_text(total));
}

// Draws it on stderr again and again, at most ten times a second, and wipes it at the end.
class ProgressBar {
 public:
  explicit ProgressBar(bool is_shown) : is_shown_(is_shown) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() {
    if (is_drawn_) std::fputs("\r\x1b[K", stderr);
  }

  void update(std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_shown_ || (is_drawn_ && now - drawn_ < std::chrono::milliseconds(100))) return;
    is_drawn_ = true;
    drawn_ = now;
    std::fputs(concat("\r", progress_line(done, total), "\x1b[K").c_str(), stderr);
    std::fflush(stderr);
  }

 private:
  const bool is_shown_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace hardload
