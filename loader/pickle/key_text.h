// KeyText: a text that two keys of a dict have in common exactly if Python holds them to be equal.
//
//   KeyText text(serial);
//   text.open_tuple(2);               // (1, 'a')
//   text.integer(1);                  // as 1.0 and True would be
//   text.add('s', "a");
//   text.close_tuple();
//   const bool is_new = keys.insert(std::move(text).take()).second;
//
// Python compares by value across types: 1, 1.0, True and complex(1, 0) are one key. NaN is equal
// to nothing, not even to itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hardload {

class KeyText {
 public:
  // `serial` grows from key to key by the length of its text: it tells one NaN from another.
  explicit KeyText(std::size_t serial) : serial_(serial) {}

  void open_tuple(std::size_t items);
  void close_tuple() { text_ += ')'; }
  void integer(std::int64_t value);
  // Two's complement, little-endian, of any width.
  void integer(std::string_view bytes);
  void real(double value);
  void complex(double real_part, double imaginary);
  // Any other value, told from those of its kind by its text. `kind`: none of "cfiIn()".
  void add(char kind, std::string_view text);

  std::size_t size() const { return text_.size(); }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  std::size_t serial_;
};

}  // namespace hardload
