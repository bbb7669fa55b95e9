#include "loader/cli/json_writer.h"

#include <algorithm>
#include <charconv>

#include "loader/base/utf8.h"

namespace hardload {
namespace {

constexpr std::size_t kFlushAt = 1 << 20;

// ASCII that stands for itself between quotes.
bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

void append_unit(std::string& out, char32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[(unit >> shift) & 0xF];
}

}  // namespace

void JsonWriter::flush() {
  if (!buffer_.empty()) sink_(buffer_);
  buffer_.clear();
}

void JsonWriter::begin_value() {
  if (buffer_.size() >= kFlushAt) flush();
  if (needs_comma_) buffer_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
  begin_value();
  buffer_ += '{';
  closers_.push_back('}');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  begin_value();
  buffer_ += '[';
  closers_.push_back(']');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end() {
  buffer_ += closers_.back();
  closers_.pop_back();
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  begin_value();
  quote(name);
  buffer_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  begin_value();
  quote(text);
  return *this;
}

void JsonWriter::quote(std::string_view text) {
  buffer_ += '"';
  while (!text.empty()) {
    const auto plain = std::find_if_not(text.begin(), text.end(), is_plain);
    buffer_.append(text.begin(), plain);
    text.remove_prefix(static_cast<std::size_t>(plain - text.begin()));
    if (text.empty()) break;
    const auto next = decode_utf8(text).value_or(Utf8Char{0xFFFD, 1});
    text.remove_prefix(next.length);
    if (next.code == '"' || next.code == '\\') {
      buffer_ += '\\';
      buffer_ += static_cast<char>(next.code);
    } else if (next.code < 0x10000) {
      append_unit(buffer_, next.code);
    } else {
      append_unit(buffer_, 0xD800 + ((next.code - 0x10000) >> 10));
      append_unit(buffer_, 0xDC00 + ((next.code - 0x10000) & 0x3FF));
    }
  }
  buffer_ += '"';
}

void JsonWriter::literal(std::string_view text) {
  begin_value();
  buffer_ += text;
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
  if (digits.find_first_of(".e") == digits.npos) buffer_ += ".0";
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
    buffer_ += ',';
    needs_comma_ = false;
  }
  buffer_ += '\n';
  return *this;
}

}  // namespace hardload
