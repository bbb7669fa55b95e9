// JsonWriter: JSON (RFC 8259) as text, written front to back.
//
//   JsonWriter json([](std::string_view text) { std::fwrite(...); });
//   json.begin_object();
//   json.key("shape").begin_array().integer(2).integer(3).end();
//   json.end();
//
// The output is ASCII: everything else is \u-escaped, lone surrogates too, which Python strings may
// hold and UTF-8 may not. Commas are put where they belong; that keys and values alternate is the
// caller's business.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hardload {

class JsonWriter {
 public:
  using Sink = std::function<void(std::string_view)>;
  explicit JsonWriter(Sink sink) : sink_(std::move(sink)) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;
  ~JsonWriter() { flush(); }

  JsonWriter& begin_object();
  JsonWriter& begin_array();
  JsonWriter& end();  // of the innermost object or array
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view text);  // UTF-8, surrogates allowed
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& number(double value);           // finite; the shortest text that reads back equal
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& new_line();                     // white space between elements, for readability

  // Hands the rest to the sink.
  void flush();

 private:
  void begin_value();
  void quote(std::string_view text);
  void literal(std::string_view text);

  Sink sink_;
  std::string buffer_;
  std::vector<char> closers_;  // of the open objects and arrays
  bool needs_comma_ = false;
};

}  // namespace hardload
