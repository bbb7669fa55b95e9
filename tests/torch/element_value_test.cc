// element_value of every bit pattern up to 16 bits, and of some wider ones, is LibTorch's.

#include "loader/cli/element_value.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "loader/torch/dtype_map.h"

namespace hardload {
namespace {

bool is_same(long double value, double expected) {
  return std::isnan(expected) ? std::isnan(value)
                              : value == expected && std::signbit(value) == std::signbit(expected);
}

// All patterns of `Bits`, as elements of `dtype`.
template <typename Bits>
void expect_all(Dtype dtype) {
  std::vector<Bits> patterns;
  for (std::uint32_t bits = 0; bits <= std::numeric_limits<Bits>::max(); ++bits) {
    patterns.push_back(static_cast<Bits>(bits));
  }
  const auto elements = at::from_blob(patterns.data(), static_cast<std::int64_t>(patterns.size()),
                                      scalar_type(dtype));
  const at::Tensor expected = elements.to(at::kDouble);
  const double* numbers = expected.data_ptr<double>();
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto bytes = std::as_bytes(std::span(patterns).subspan(i, 1));
    const ElementValue value = element_value(dtype, bytes.data());
    ASSERT_TRUE(is_same(value.real, numbers[i]))
        << to_string(dtype) << ", bits " << i << ": " << value.real << ", not " << numbers[i];
    ASSERT_EQ(value.imaginary, 0);
  }
}

TEST(ElementValue, OfEveryByte) {
  for (const Dtype dtype :
       {Dtype::kInt8, Dtype::kUInt8, Dtype::kFloat8E5M2, Dtype::kFloat8E4M3FN,
        Dtype::kFloat8E5M2FNUZ, Dtype::kFloat8E4M3FNUZ, Dtype::kFloat8E8M0FNU}) {
    expect_all<std::uint8_t>(dtype);
  }
}

TEST(ElementValue, OfEveryPairOfBytes) {
  for (const Dtype dtype : {Dtype::kInt16, Dtype::kUInt16, Dtype::kFloat16, Dtype::kBFloat16}) {
    expect_all<std::uint16_t>(dtype);
  }
}

template <typename Bits, typename Number>
long double value_of(Dtype dtype, Number number) {
  const auto bits = std::bit_cast<Bits>(number);
  std::byte bytes[sizeof bits];
  std::memcpy(bytes, &bits, sizeof bits);
  return element_value(dtype, bytes).real;
}

TEST(ElementValue, OfWiderTypes) {
  EXPECT_EQ((value_of<std::uint64_t>(Dtype::kInt64, std::numeric_limits<std::int64_t>::min())),
            -9223372036854775808.0L);
  EXPECT_EQ((value_of<std::uint64_t>(Dtype::kInt64, std::int64_t{-2})), -2.0L);
  EXPECT_EQ((value_of<std::uint64_t>(Dtype::kUInt64, ~std::uint64_t{0})), 18446744073709551615.0L);
  EXPECT_EQ((value_of<std::uint32_t>(Dtype::kInt32, std::int32_t{-3})), -3.0L);
  EXPECT_EQ((value_of<std::uint32_t>(Dtype::kUInt32, ~std::uint32_t{0})), 4294967295.0L);
  EXPECT_EQ((value_of<std::uint32_t>(Dtype::kFloat32, -0.1f)), -0.1f);
  EXPECT_EQ((value_of<std::uint64_t>(Dtype::kFloat64, 5e-324)), 5e-324);
}

TEST(ElementValue, OfComplexNumbers) {
  for (const auto type : {at::kComplexDouble, at::kComplexFloat, at::kComplexHalf}) {
    const auto element = at::full({1}, c10::complex<double>(1.5, -0.25), type);
    const auto value = element_value(*dtype_of(type), static_cast<std::byte*>(element.data_ptr()));
    EXPECT_EQ(value.real, 1.5);
    EXPECT_EQ(value.imaginary, -0.25);
  }
}

TEST(ElementValue, IsThereForEveryTypeButPackedOnes) {
  for (std::size_t i = 0; i < kDtypeCount; ++i) {
    const auto dtype = static_cast<Dtype>(i);
    const std::string_view name = to_string(dtype);
    const bool packed =
        name.starts_with("bits") || name.find("x2") != name.npos || name.find("x4") != name.npos;
    EXPECT_EQ(has_element_values(dtype), !packed) << name;
    // All bits set: every type that has values gives one other than 0.
    const std::vector<std::byte> ones(16, std::byte{0xFF});
    EXPECT_EQ(element_value(dtype, ones.data()).real != 0, !packed) << name;
  }
}

}  // namespace
}  // namespace hardload
