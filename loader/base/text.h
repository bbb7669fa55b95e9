// append and concat: text from strings and integers, without streams or locales.
//
//   std::string s = concat("record ends at byte ", end, ", file has ", size);
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace hardload {

namespace text_internal {

inline void append_one(std::string& out, std::string_view text) { out.append(text); }

template <std::integral Integer>
requires(!std::same_as<Integer, bool> &&
         !std::same_as<Integer, char>) inline void append_one(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace text_internal

// Appends each part to `out`: text as it is, integers in decimal.
template <typename... Parts>
void append(std::string& out, const Parts&... parts) {
  (text_internal::append_one(out, parts), ...);
}

template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  append(out, parts...);
  return out;
}

}  // namespace hardload
