#include "loader/container/json_cursor.h"

#include <algorithm>
#include <array>
#include <string>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/base/utf8.h"

namespace hardload {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Characters of a string that stand for themselves, and need no second look.
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

Error malformed(std::string problem, std::uint64_t position) {
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem)).at(position);
}

}  // namespace

void JsonCursor::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

Error JsonCursor::unexpected(std::string_view wanted) const {
  if (at_ == text_.size()) {
    return malformed(concat("the JSON text ends where ", wanted, " should be"), position());
  }
  return malformed(concat("the JSON text has '", std::string_view(&text_[at_], 1), "' where ",
                          wanted, " should be"),
                   position());
}

Result<void> JsonCursor::enter(char bracket) {
  skip_space();
  if (!is_next(bracket)) return unexpected(bracket == '{' ? "an object" : "an array");
  ++at_;
  is_first_ = true;
  return {};
}

Result<bool> JsonCursor::next_member(char end) {
  skip_space();
  if (is_next(end)) {
    ++at_;
    is_first_ = false;
    return false;
  }
  if (is_first_) {
    is_first_ = false;
    return true;
  }
  if (!is_next(',')) return unexpected(end == '}' ? "',' or '}'" : "',' or ']'");
  ++at_;
  return true;
}

Result<std::optional<std::string_view>> JsonCursor::next_key() {
  HARDLOAD_ASSIGN(const bool is_there, next_member('}'));
  if (!is_there) return std::optional<std::string_view>();
  HARDLOAD_ASSIGN(const std::string_view key, string());
  skip_space();
  if (!is_next(':')) return unexpected("':'");
  ++at_;
  return std::optional(key);
}

Result<std::string_view> JsonCursor::string() {
  skip_space();
  if (!is_next('"')) return unexpected("a string");
  const std::size_t begin = ++at_;
  while (at_ < text_.size() && kIsPlain[static_cast<unsigned char>(text_[at_])]) ++at_;
  if (!is_next('"')) return long_string(begin);
  return std::string_view(text_.data() + begin, at_++ - begin);
}

// The string that begins at `begin` and is plain up to at_.
Result<std::string_view> JsonCursor::long_string(std::size_t begin) {
  std::size_t out = at_;  // behind what has been decoded
  for (; !is_next('"'); ++at_) {
    if (at_ == text_.size()) return unexpected("the end of a string");
    const char c = text_[at_];
    if (static_cast<unsigned char>(c) < 0x20) {
      return malformed("a string has a control character that is not escaped", position());
    }
    if (c == '\\') {
      HARDLOAD_ASSIGN(out, decode_escape(out));
    } else {
      text_[out++] = c;
    }
  }
  ++at_;
  const std::string_view decoded(text_.data() + begin, out - begin);
  if (!is_utf8(decoded, false)) return malformed("a string is not UTF-8", offset_ + begin);
  return decoded;
}

// Decodes the escape at at_ to `out`, and leaves at_ on its last character. The new `out`. No
// character is longer in UTF-8 than it is escaped.
Result<std::size_t> JsonCursor::decode_escape(std::size_t out) {
  const std::uint64_t start = position();
  if (++at_ == text_.size()) return unexpected("the end of a string");
  constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t simple = kNames.find(text_[at_]);
  if (simple != kNames.npos) {
    text_[out] = kMeanings[simple];
    return out + 1;
  }
  auto code = text_[at_] == 'u' ? hex_unit() : std::nullopt;
  if (!code) return malformed("a string has an escape that JSON does not have", start);
  constexpr std::uint32_t kHigh = 0xD800, kLow = 0xDC00, kUnits = 0x400;
  if (is_surrogate(*code)) {
    const bool has_second =
        *code < kLow && at_ + 2 < text_.size() && text_[at_ + 1] == '\\' && text_[at_ + 2] == 'u';
    if (has_second) at_ += 2;
    const auto second = has_second ? hex_unit() : std::nullopt;
    if (!second || *second < kLow || *second >= kLow + kUnits) {
      return malformed("a string has half of a surrogate pair", start);
    }
    code = 0x10000 + ((*code - kHigh) * kUnits) + (*second - kLow);
  }
  std::string utf8;
  append_utf8(utf8, *code);
  std::copy(utf8.begin(), utf8.end(), text_.begin() + static_cast<std::ptrdiff_t>(out));
  return out + utf8.size();
}

// The four hexadecimal digits behind at_, which then is on the last of them.
std::optional<std::uint32_t> JsonCursor::hex_unit() {
  std::uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) {
    if (++at_ == text_.size()) return --at_, std::nullopt;
    const char c = text_[at_];
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) return std::nullopt;
    unit = unit * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return unit;
}

Result<std::uint64_t> JsonCursor::number() {
  skip_space();
  const std::uint64_t start = position();
  if (at_ == text_.size() || !is_digit(text_[at_])) {
    return unexpected("a whole number that is not negative");
  }
  const bool begins_with_zero = text_[at_] == '0';
  std::optional<std::uint64_t> value = 0;
  std::size_t digits = 0;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_, ++digits) {
    value = value ? checked_mul(*value, std::uint64_t{10}) : std::nullopt;
    if (value) value = checked_add(*value, static_cast<std::uint64_t>(text_[at_] - '0'));
  }
  if (begins_with_zero && digits > 1) return malformed("a number begins with 0", start);
  if (is_next('.') || is_next('e') || is_next('E')) {
    return malformed("a number has a fraction or an exponent", start);
  }
  if (!value) return malformed("a number has more than 64 bits", start);
  return *value;
}

bool JsonCursor::take_word(std::string_view word) {
  skip_space();
  if (std::string_view(text_.data() + at_, text_.size() - at_).substr(0, word.size()) != word) {
    return false;
  }
  at_ += word.size();
  return true;
}

Result<bool> JsonCursor::boolean() {
  if (take_word("true")) return true;
  if (take_word("false")) return false;
  return unexpected("true or false");
}

Result<std::string_view> JsonCursor::skip_value(unsigned depth) {
  skip_space();
  const std::size_t begin = at_;
  if (is_next('"')) {
    HARDLOAD_TRY(string());
    return std::string_view();
  }
  if (is_next('{') || is_next('[')) {
    if (depth == 0) {
      return Error(ErrorKind::kLimit, Stage::kContainer,
                   concat("the JSON text is nested deeper than ", kMaxSkippedDepth))
          .at(position());
    }
    const bool is_object = is_next('{');
    HARDLOAD_TRY(enter(text_[at_]));
    for (;;) {
      if (is_object) {
        HARDLOAD_ASSIGN(const auto key, next_key());
        if (!key) return std::string_view();
      } else {
        HARDLOAD_ASSIGN(const bool is_there, next_item());
        if (!is_there) return std::string_view();
      }
      HARDLOAD_TRY(skip_value(depth - 1));
    }
  }
  const std::string_view rest(text_.data() + at_, text_.size() - at_);
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!rest.starts_with(word)) continue;
    at_ += word.size();
    return word;
  }
  if (!skip_number()) return unexpected("a value");
  return std::string_view(text_.data() + begin, at_ - begin);
}

// Whether there was one or more.
bool JsonCursor::skip_digits() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ != begin;
}

// Whether what came next was a number; else at_ is where it was none any more.
bool JsonCursor::skip_number() {
  if (is_next('-')) ++at_;
  if (is_next('0')) {
    ++at_;
  } else if (!skip_digits()) {
    return false;
  }
  if (is_next('.')) {
    ++at_;
    if (!skip_digits()) return false;
  }
  if (is_next('e') || is_next('E')) {
    ++at_;
    if (is_next('+') || is_next('-')) ++at_;
    if (!skip_digits()) return false;
  }
  return true;
}

Result<void> JsonCursor::finish() {
  skip_space();
  if (at_ == text_.size()) return {};
  return malformed("there is more behind the JSON object", position());
}

}  // namespace hardload
