#include "loader/base/escape.h"

#include <algorithm>
#include <iterator>

#include "loader/base/utf8.h"

namespace hardload {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode's control and format characters, and those that no font shows.
constexpr Range kUnsafe[] = {
    {0x0000, 0x001F},     // C0 controls
    {0x007F, 0x009F},     // DEL, C1 controls
    {0x00AD, 0x00AD},     // soft hyphen
    {0x034F, 0x034F},     // combining grapheme joiner
    {0x061C, 0x061C},     // Arabic letter mark
    {0x115F, 0x1160},     // Hangul fillers
    {0x17B4, 0x17B5},     // invisible Khmer vowels
    {0x180B, 0x180F},     // Mongolian variation and vowel separators
    {0x200B, 0x200F},     // zero width, left-to-right and right-to-left marks
    {0x2028, 0x202E},     // line and paragraph separators, bidi embeddings and overrides
    {0x2060, 0x206F},     // word joiner, invisible operators, bidi isolates
    {0x3164, 0x3164},     // Hangul filler
    {0xD800, 0xF8FF},     // surrogates, private use
    {0xFDD0, 0xFDEF},     // noncharacters
    {0xFE00, 0xFE0F},     // variation selectors
    {0xFEFF, 0xFEFF},     // byte order mark
    {0xFFA0, 0xFFA0},     // halfwidth Hangul filler
    {0xFFF0, 0xFFFB},     // specials, interlinear annotation
    {0xFFFE, 0xFFFF},     // noncharacters
    {0x1BCA0, 0x1BCA3},   // shorthand format controls
    {0x1D173, 0x1D17A},   // musical format controls
    {0x1FFFE, 0x1FFFF},   // noncharacters
    {0x2FFFE, 0x2FFFF},   // noncharacters
    {0x3FFFE, 0x10FFFF},  // unassigned planes, tags, variation selectors, private planes
};

bool is_unsafe(char32_t code) {
  // The first range that does not end before `code` is the only one that can hold it.
  const auto range = std::partition_point(std::begin(kUnsafe), std::end(kUnsafe),
                                          [=](const Range& r) { return r.last < code; });
  return range != std::end(kUnsafe) && range->first <= code;
}

// Nearly all text consists of nothing else.
bool is_plain(char c) { return c >= ' ' && c < 0x7F && c != '\\'; }

void append_hex(std::string& out, char32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out.push_back("0123456789abcdef"[(value >> shift) & 0xF]);
  }
}

}  // namespace

std::string escape_for_display(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto next = decode_utf8(text);
    if (!next) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text[0]), 2);
      text.remove_prefix(1);
      continue;
    }
    if (next->code == '\\') {
      out += "\\\\";
    } else if (next->code < 0x80 && is_unsafe(next->code)) {
      out += "\\x";
      append_hex(out, next->code, 2);
    } else if (is_unsafe(next->code)) {
      out += "\\u{";
      append_hex(out, next->code, next->code > 0xFFFF ? 6 : 4);
      out += "}";
    } else {
      out += text.substr(0, next->length);
    }
    text.remove_prefix(next->length);
  }
  return out;
}

}  // namespace hardload
