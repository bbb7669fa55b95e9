// Arithmetic modulo the polynomial of CRC-32, over the field of two elements.
//
// A CRC is the remainder of the message, read as a polynomial, divided by P (0x04c11db7 and x^32).
// In the reflected form that zip uses, bit 31 of a number is the coefficient of x^0, bit 0 that of
// x^31.
#pragma once

#include <array>
#include <cstdint>

namespace hardload {

inline constexpr std::uint32_t kCrcPolynomial = 0xedb88320;  // reflected, without x^32
inline constexpr std::uint32_t kCrcOne = 0x80000000;         // x^0

// a * x mod P.
constexpr std::uint32_t crc_times_x(std::uint32_t a) {
  return (a >> 1) ^ ((a & 1) != 0 ? kCrcPolynomial : 0);
}

// a * b mod P.
constexpr std::uint32_t crc_product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kCrcOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = crc_times_x(b);
  }
  return product;
}

// x^(2^i) mod P.
inline constexpr std::array<std::uint32_t, 64> kCrcSquares = [] {
  std::array<std::uint32_t, 64> squares = {crc_times_x(kCrcOne)};
  for (std::size_t i = 1; i < squares.size(); ++i) {
    squares[i] = crc_product(squares[i - 1], squares[i - 1]);
  }
  return squares;
}();

// x^n mod P.
constexpr std::uint32_t crc_power(std::uint64_t n) {
  std::uint32_t power = kCrcOne;
  for (std::size_t i = 0; n != 0; ++i, n >>= 1) {
    if ((n & 1) != 0) power = crc_product(power, kCrcSquares[i]);
  }
  return power;
}

}  // namespace hardload
