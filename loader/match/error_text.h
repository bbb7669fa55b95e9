// error_text: what PyTorch says of a state dict that does not fit.
//
//   error_text(report, "Net", /*strict=*/true, unquoted)          // PyTorch's, character for
//   character error_text(report, "Net", true, escape_for_display, kShown)   // for people: safe,
//   and not endless
//
// Threads: functions of their arguments alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "loader/match/match.h"

namespace hardload {

// Applied to what comes from the file (see escape.h).
using Quote = std::string (*)(std::string_view);

// The identity.
std::string unquoted(std::string_view text);

// How much of a message is shown. What is left out is counted: `, ... 7 more`.
struct Shown {
  std::size_t items = std::numeric_limits<std::size_t>::max();      // of each list
  std::size_t key_bytes = std::numeric_limits<std::size_t>::max();  // of each key
};
// For people.
constexpr Shown kShown = {100, 400};

// PyTorch's message. Only where !report.fits(strict).
std::string error_text(const MatchReport& report, std::string_view class_name, bool strict,
                       Quote quote, const Shown& shown = {});

// "torch.Size([2, 3])"
std::string size_text(std::span<const std::int64_t> shape);

// `text` as Python's repr() prints a str.
std::string python_repr(std::string_view text);

}  // namespace hardload
