// utf8: decoding of text that comes from a file.
//
// Python strings may hold lone surrogates; pickle writes them as the three bytes that UTF-8 would
// use if it allowed them ("surrogatepass"). Torch writes such keys, so they are decoded here too,
// and each caller decides whether it takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hardload {

struct Utf8Char {
  char32_t code;       // a Unicode scalar value, or a surrogate (0xD800 to 0xDFFF)
  std::size_t length;  // bytes it took: 1 to 4
};

// The character that `text` begins with; nullopt when its first bytes are not UTF-8 (overlong
// forms, values above 0x10FFFF, and cut sequences are not). `text` must not be empty.
std::optional<Utf8Char> decode_utf8(std::string_view text);

inline bool is_surrogate(char32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

// Whether all of `text` is UTF-8; lone surrogates pass only where asked for.
bool is_utf8(std::string_view text, bool allow_surrogates);

// Appends the UTF-8 form of `code` (surrogates included) to `out`.
void append_utf8(std::string& out, char32_t code);

}  // namespace hardload
