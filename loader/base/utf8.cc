#include "loader/base/utf8.h"

#include <algorithm>
#include <cstring>

namespace hardload {

std::optional<Utf8Char> decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return Utf8Char{first, 1};

  std::size_t length = 0;
  char32_t code = 0;
  char32_t smallest = 0;  // below it the form is overlong
  if ((first & 0xE0) == 0xC0) {
    length = 2, code = first & 0x1Fu, smallest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, code = first & 0x0Fu, smallest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, code = first & 0x07u, smallest = 0x10000;
  } else {
    return std::nullopt;
  }
  if (text.size() < length) return std::nullopt;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  if (code < smallest || code > 0x10FFFF) return std::nullopt;
  return Utf8Char{code, length};
}

bool is_utf8(std::string_view text, bool allow_surrogates) {
  while (!text.empty()) {
    // Names are nearly always ASCII: up to eight bytes at a time.
    std::uint64_t eight = 0;
    const std::size_t count = std::min(text.size(), sizeof eight);
    std::memcpy(&eight, text.data(), count);
    if ((eight & 0x8080808080808080u) == 0) {
      text.remove_prefix(count);
      continue;
    }
    const auto next = decode_utf8(text);
    if (!next || (!allow_surrogates && is_surrogate(next->code))) return false;
    text.remove_prefix(next->length);
  }
  return true;
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace hardload
