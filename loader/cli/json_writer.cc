#include "loader/cli/json_writer.h"

#include <array>
#include <charconv>
#include <string>

#include "loader/base/utf8.h"

namespace hardload {
namespace {

// How many characters at the start of `text` stand for themselves between quotes: ASCII but
// controls, quote and backslash.
std::size_t count_plain(std::string_view text) {
  static constexpr auto kIsPlain = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x7F; ++c) table[c] = c != '"' && c != '\\';
    return table;
  }();
  std::size_t count = 0;
  while (count < text.size() && kIsPlain[static_cast<unsigned char>(text[count])]) ++count;
  return count;
}

std::string escaped_unit(char32_t unit) {
  std::string text = "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) text += "0123456789abcdef"[(unit >> shift) & 0xF];
  return text;
}

}  // namespace

void JsonWriter::flush() {
  if (size_ != 0) sink_({buffer_.get(), size_});
  size_ = 0;
}

void JsonWriter::put_long(std::string_view text) {
  while (!text.empty()) {
    flush();
    const std::string_view part = text.substr(0, kCapacity);
    put(part);
    text.remove_prefix(part.size());
  }
}

JsonWriter& JsonWriter::begin_object() {
  begin_value();
  put('{');
  closers_.push_back('}');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  begin_value();
  put('[');
  closers_.push_back(']');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end() {
  put(closers_.back());
  closers_.pop_back();
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  begin_value();
  quote(name);
  put(':');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::plain_key(std::string_view name) {
  begin_value();
  put('"');
  put(name);
  put("\":");
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  begin_value();
  quote(text);
  return *this;
}

void JsonWriter::quote(std::string_view text) {
  put('"');
  while (true) {
    const std::size_t plain = count_plain(text);
    put(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto next = decode_utf8(text).value_or(Utf8Char{0xFFFD, 1});
    text.remove_prefix(next.length);
    if (next.code == '"' || next.code == '\\') {
      put('\\');
      put(static_cast<char>(next.code));
    } else if (next.code < 0x10000) {
      put(escaped_unit(next.code));
    } else {
      put(escaped_unit(0xD800 + ((next.code - 0x10000) >> 10)));
      put(escaped_unit(0xDC00 + ((next.code - 0x10000) & 0x3FF)));
    }
  }
  put('"');
}

void JsonWriter::literal(std::string_view text) {
  begin_value();
  put(text);
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
  char text[24];
  literal({text, std::to_chars(text, text + sizeof text, value).ptr});
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(std::uint64_t value) {
  char text[24];
  literal({text, std::to_chars(text, text + sizeof text, value).ptr});
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  char text[40];
  std::string_view digits(text, std::to_chars(text, text + sizeof text, value).ptr);
  literal(digits);
  // Keeps a float a float for readers that tell them from integers.
  if (digits.find_first_of(".e") == digits.npos) put(".0");
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  literal(value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::null() {
  literal("null");
  return *this;
}

JsonWriter& JsonWriter::new_line() {
  if (needs_comma_) {
    put(',');
    needs_comma_ = false;
  }
  put('\n');
  return *this;
}

}  // namespace hardload
