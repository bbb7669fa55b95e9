#include "loader/pickle/key_text.h"

#include <bit>
#include <cmath>

#include "loader/base/text.h"

namespace hardload {
namespace {

// The integer `mantissa` * 2^`shift` as a pickle has it: two's complement, little-endian.
std::string shifted(std::int64_t mantissa, int shift) {
  std::string bytes(static_cast<std::size_t>(shift / 8), '\0');
  std::int64_t rest = mantissa * (std::int64_t{1} << (shift % 8));  // 53 bits and 7
  for (; rest < -128 || rest > 127; rest >>= 8) bytes += static_cast<char>(rest & 0xFF);
  return bytes + static_cast<char>(rest & 0xFF);
}

bool is_negative(char last) { return (last & 0x80) != 0; }

}  // namespace

void KeyText::open_tuple(std::size_t items) { append(text_, "(", items, ":"); }

void KeyText::integer(std::int64_t value) { append(text_, "i", value, ";"); }

void KeyText::integer(std::string_view bytes) {
  const bool negative = !bytes.empty() && is_negative(bytes.back());
  const char sign = negative ? '\xff' : '\0';
  while (bytes.size() > 1 && bytes.back() == sign &&
         is_negative(bytes[bytes.size() - 2]) == negative) {
    bytes.remove_suffix(1);
  }
  if (bytes.size() > sizeof(std::int64_t)) return add('I', bytes);
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  integer(static_cast<std::int64_t>(value));
}

void KeyText::real(double value) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) {
    append(text_, "n", serial_ + text_.size(), ";");
  } else if (std::isinf(value) || value != std::floor(value)) {
    append(text_, "f", std::bit_cast<std::uint64_t>(value), ";");
  } else if (value >= -kEnd && value < kEnd) {
    integer(static_cast<std::int64_t>(value));
  } else {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    integer(shifted(static_cast<std::int64_t>(std::ldexp(fraction, 53)), exponent - 53));
  }
}

// One without an imaginary part is its real part.
void KeyText::complex(double real_part, double imaginary) {
  if (imaginary != 0) text_ += 'c';
  real(real_part);
  if (imaginary != 0) real(imaginary);
}

void KeyText::add(char kind, std::string_view text) {
  append(text_, std::string_view(&kind, 1), text.size(), ":", text);
}

}  // namespace hardload
