// JsonCursor: reads JSON of a known form from a private copy, strictly, without a tree.
//
// The caller asks for what the form says comes next, and anything else is an error. So nothing is
// nested that the caller does not enter, and nothing is skipped but what the caller skips. Strict
// as RFC 8259 and serde_json are: UTF-8 without lone surrogates, no control characters in strings,
// no comments, no trailing commas. Numbers are whole ones of 64 bits, the only ones that are
// needed.
//
//   JsonCursor json(text, 8);
//   HARDLOAD_TRY(json.enter_object());
//   for (;;) {
//     HARDLOAD_ASSIGN(const auto key, json.next_key());
//     if (!key) break;
//     HARDLOAD_ASSIGN(const std::string_view value, json.string());
//   }
//   HARDLOAD_TRY(json.finish());
//
// That keys are not repeated is the caller's to check. Errors: kContainer, with the byte.
// Ownership: borrows the text, and decodes the strings that have escapes in place; what it returns
// lies in the text. Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/base/result.h"

namespace hardload {

class JsonCursor {
 public:
  // `offset`: where the text begins in the file, for errors.
  JsonCursor(std::span<char> text, std::uint64_t offset) : text_(text), offset_(offset) {}

  // The '{' that comes next. Its members are then had one by one.
  Result<void> enter_object() { return enter('{'); }
  // The next key of the object, and its colon; nullopt where the object ends.
  Result<std::optional<std::string_view>> next_key();

  bool is_object_next() {
    skip_space();
    return is_next('{');
  }

  // The '[' that comes next.
  Result<void> enter_array() { return enter('['); }
  // Whether another item of the array comes next; it ends otherwise.
  Result<bool> next_item() { return next_member(']'); }

  // The value that comes next. A number has no sign, fraction, exponent or leading zero.
  Result<std::string_view> string();
  Result<std::uint64_t> number();
  Result<bool> boolean();
  // Whether a null comes next, which is then behind.
  bool take_null() { return take_word("null"); }

  // Skips the value that comes next, whatever it is, as strictly as it would be read; of numbers,
  // true, false and null the text, else nothing. Nested no deeper than kMaxSkippedDepth: kLimit.
  static constexpr unsigned kMaxSkippedDepth = 64;
  Result<std::string_view> skip_value() { return skip_value(kMaxSkippedDepth); }

  // Success where nothing but white space is left.
  Result<void> finish();

  // Where the next byte is in the file.
  std::uint64_t position() const { return offset_ + at_; }

 private:
  void skip_space();
  bool take_word(std::string_view word);
  bool is_next(char c) const { return at_ < text_.size() && text_[at_] == c; }
  Result<void> enter(char bracket);
  Result<bool> next_member(char end);
  Result<std::string_view> long_string(std::size_t begin);
  Result<std::size_t> decode_escape(std::size_t out);
  std::optional<std::uint32_t> hex_unit();
  Result<std::string_view> skip_value(unsigned depth);
  bool skip_digits();
  bool skip_number();
  Error unexpected(std::string_view wanted) const;

  std::span<char> text_;
  std::uint64_t offset_;
  std::size_t at_ = 0;
  bool is_first_ = false;  // nothing of the object or array entered last has been read
};

}  // namespace hardload
