#include "loader/cli/element_value.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hardload {
namespace {

template <typename Bits>
Bits bits_at(const std::byte* element) {
  Bits bits = 0;
  for (std::size_t i = 0; i < sizeof bits; ++i) {
    bits = static_cast<Bits>(bits | std::to_integer<std::uint64_t>(element[i]) << (8 * i));
  }
  return bits;
}

constexpr long double kNan = std::numeric_limits<long double>::quiet_NaN();
constexpr long double kInfinity = std::numeric_limits<long double>::infinity();

// What bit patterns other than numbers a small float has.
enum class Specials {
  kIeee,       // the largest exponent: infinities and NaNs
  kLargest,    // all bits but the sign: NaN ("fn")
  kMinusZero,  // minus zero: NaN ("fnuz")
};

long double small_float(unsigned bits, int exponent_bits, int mantissa_bits, int bias,
                        Specials specials) {
  const unsigned mantissa_end = 1u << mantissa_bits;
  const unsigned mantissa = bits & (mantissa_end - 1);
  const unsigned largest = (1u << exponent_bits) - 1;
  const unsigned exponent = (bits >> mantissa_bits) & largest;
  const bool negative = (bits >> (mantissa_bits + exponent_bits)) != 0;
  long double size = 0;
  if (specials == Specials::kMinusZero && negative && exponent == 0 && mantissa == 0) return kNan;
  if (specials == Specials::kLargest && exponent == largest && mantissa == mantissa_end - 1) {
    return kNan;
  }
  if (specials == Specials::kIeee && exponent == largest) {
    size = mantissa == 0 ? kInfinity : kNan;
  } else if (exponent == 0) {
    size = std::ldexp(static_cast<long double>(mantissa), 1 - bias - mantissa_bits);
  } else {
    size = std::ldexp(static_cast<long double>(mantissa + mantissa_end),
                      static_cast<int>(exponent) - bias - mantissa_bits);
  }
  return negative ? -size : size;
}

long double half(const std::byte* element) {
  return small_float(bits_at<std::uint16_t>(element), 5, 10, 15, Specials::kIeee);
}
long double single(const std::byte* element) {
  return std::bit_cast<float>(bits_at<std::uint32_t>(element));
}
long double twice(const std::byte* element) {
  return std::bit_cast<double>(bits_at<std::uint64_t>(element));
}

template <typename Integer>
ElementValue integer(const std::byte* element) {
  return {.real = static_cast<long double>(
              static_cast<Integer>(bits_at<std::make_unsigned_t<Integer>>(element)))};
}

}  // namespace

bool has_element_values(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat4E2M1FNX2:
    case Dtype::kBits8:
    case Dtype::kBits16:
    case Dtype::kBits1x8:
    case Dtype::kBits2x4:
    case Dtype::kBits4x2:
    case Dtype::kQUInt4x2:
    case Dtype::kQUInt2x4: return false;
    default: return true;
  }
}

ElementValue element_value(Dtype dtype, const std::byte* element) {
  const auto byte = [&] { return std::to_integer<unsigned>(*element); };
  switch (dtype) {
    case Dtype::kFloat64: return {.real = twice(element)};
    case Dtype::kFloat32: return {.real = single(element)};
    case Dtype::kFloat16: return {.real = half(element)};
    case Dtype::kBFloat16:
      return {.real = small_float(bits_at<std::uint16_t>(element), 8, 7, 127, Specials::kIeee)};
    case Dtype::kInt64: return integer<std::int64_t>(element);
    case Dtype::kInt32:
    case Dtype::kQInt32: return integer<std::int32_t>(element);
    case Dtype::kInt16: return integer<std::int16_t>(element);
    case Dtype::kInt8:
    case Dtype::kQInt8: return integer<std::int8_t>(element);
    case Dtype::kUInt64: return integer<std::uint64_t>(element);
    case Dtype::kUInt32: return integer<std::uint32_t>(element);
    case Dtype::kUInt16: return integer<std::uint16_t>(element);
    case Dtype::kUInt8:
    case Dtype::kQUInt8:
    case Dtype::kBool: return integer<std::uint8_t>(element);
    case Dtype::kComplex128: return {.real = twice(element), .imaginary = twice(element + 8)};
    case Dtype::kComplex64: return {.real = single(element), .imaginary = single(element + 4)};
    case Dtype::kComplex32: return {.real = half(element), .imaginary = half(element + 2)};
    case Dtype::kFloat8E5M2: return {.real = small_float(byte(), 5, 2, 15, Specials::kIeee)};
    case Dtype::kFloat8E4M3FN: return {.real = small_float(byte(), 4, 3, 7, Specials::kLargest)};
    case Dtype::kFloat8E5M2FNUZ:
      return {.real = small_float(byte(), 5, 2, 16, Specials::kMinusZero)};
    case Dtype::kFloat8E4M3FNUZ:
      return {.real = small_float(byte(), 4, 3, 8, Specials::kMinusZero)};
    case Dtype::kFloat8E8M0FNU:  // a power of two, without sign
      return {.real = byte() == 255 ? kNan : std::ldexp(1.0L, static_cast<int>(byte()) - 127)};
    default: return {};  // has_element_values says no
  }
}

}  // namespace hardload
