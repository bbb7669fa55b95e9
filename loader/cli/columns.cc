#include "loader/cli/columns.h"

#include <algorithm>

#include "loader/base/utf8.h"

namespace hardload {
namespace {

std::size_t columns_of(char32_t code) {
  // The wide and full-width blocks of Unicode's EastAsianWidth.txt, roughly.
  constexpr struct {
    char32_t first, last;
  } kWide[] = {{0x1100, 0x115F},   {0x2E80, 0xA4CF},  {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
               {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
               {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
  for (const auto& wide : kWide) {
    if (code >= wide.first && code <= wide.last) return 2;
  }
  return 1;
}

// How many bytes at the start of `text` fit into `width` columns.
std::size_t bytes_in(std::string_view text, std::size_t width) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto next = decode_utf8(text.substr(bytes)).value_or(Utf8Char{0xFFFD, 1});
    const std::size_t columns = columns_of(next.code);
    if (columns > width) break;
    width -= columns;
    bytes += next.length;
  }
  return bytes;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto next = decode_utf8(text).value_or(Utf8Char{0xFFFD, 1});
    columns += columns_of(next.code);
    text.remove_prefix(next.length);
  }
  return columns;
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

std::string padded_left(std::string text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  if (columns < width) text.insert(0, width - columns, ' ');
  return text;
}

std::string shortened(std::string_view text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  if (columns <= width) return std::string(text);
  const std::size_t kept = width - 3;
  const std::string_view head = text.substr(0, bytes_in(text, kept / 3));
  // So much goes that the rest fits; one more column where a wide character is cut.
  const std::size_t left_out = columns - (kept - columns_of(head));
  std::size_t skipped = bytes_in(text, left_out);
  if (columns_of(text.substr(0, skipped)) < left_out) skipped += bytes_in(text.substr(skipped), 2);
  return std::string(head) + "..." + std::string(text.substr(skipped));
}

}  // namespace hardload
