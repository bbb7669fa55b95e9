// JsonWriter: JSON (RFC 8259) as text, written front to back.
//
//   JsonWriter json([](std::string_view text) { std::fwrite(...); });
//   json.begin_object();
//   json.key("shape").begin_array().integer(2).integer(3).end();
//   json.end().flush();
//
// The output is ASCII: everything else is \u-escaped, lone surrogates too, which Python strings may
// hold and UTF-8 may not. Commas are put where they belong; that keys and values alternate is the
// caller's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace hardload {

class JsonWriter {
 public:
  using Sink = std::function<void(std::string_view)>;
  explicit JsonWriter(Sink sink)
      : sink_(std::move(sink)), buffer_(std::make_unique<char[]>(kCapacity)) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& begin_object();
  JsonWriter& begin_array();
  JsonWriter& end();                             // of the innermost object or array
  JsonWriter& key(std::string_view name);        // any text
  JsonWriter& plain_key(std::string_view name);  // ASCII without quote, backslash and controls

  JsonWriter& string(std::string_view text);  // UTF-8, surrogates allowed
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& number(double value);  // finite; the shortest text that reads back equal
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& new_line();  // white space between elements, for readability

  // Hands the rest to the sink. Call it at the end: nothing else does, as the sink may throw.
  void flush();

 private:
  void begin_value() {
    if (needs_comma_) put(',');
    needs_comma_ = true;
  }
  void put(char c) {
    if (size_ == kCapacity) flush();
    buffer_[size_++] = c;
  }
  void put(std::string_view text) {
    if (text.size() > kCapacity - size_) return put_long(text);
    std::memcpy(buffer_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void put_long(std::string_view text);
  void quote(std::string_view text);
  void literal(std::string_view text);

  static constexpr std::size_t kCapacity = 1 << 20;

  Sink sink_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;       // of what is in buffer_, at most kCapacity
  std::vector<char> closers_;  // of the open objects and arrays
  bool needs_comma_ = false;
};

}  // namespace hardload
