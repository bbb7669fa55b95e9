// checked_add and checked_mul give the exact result or nothing: for every pair of 8-bit numbers,
// and at the limits of the wider types.

#include "loader/base/checked.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace hardload {
namespace {

constexpr std::uint64_t kMaxUnsigned = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMaxSigned = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinSigned = std::numeric_limits<std::int64_t>::min();

// Every pair of a type of 8 bits, compared with the same in int.
template <typename T>
void check_all_pairs() {
  using Limit = std::numeric_limits<T>;
  const auto expected = [](int exact) -> std::optional<T> {
    if (exact < Limit::min() || exact > Limit::max()) return std::nullopt;
    return static_cast<T>(exact);
  };
  for (int a = Limit::min(); a <= Limit::max(); ++a) {
    for (int b = Limit::min(); b <= Limit::max(); ++b) {
      ASSERT_EQ(checked_add(static_cast<T>(a), static_cast<T>(b)), expected(a + b))
          << a << " " << b;
      ASSERT_EQ(checked_mul(static_cast<T>(a), static_cast<T>(b)), expected(a * b))
          << a << " " << b;
    }
  }
}

TEST(Checked, AllPairsOfUnsignedBytes) { check_all_pairs<std::uint8_t>(); }

TEST(Checked, AllPairsOfSignedBytes) { check_all_pairs<std::int8_t>(); }

TEST(Checked, AddOfSixtyFourBits) {
  EXPECT_EQ(checked_add(kMaxUnsigned - 1, std::uint64_t{1}), kMaxUnsigned);
  EXPECT_EQ(checked_add(kMaxUnsigned, std::uint64_t{1}), std::nullopt);
  EXPECT_EQ(checked_add(kMaxUnsigned, kMaxUnsigned), std::nullopt);
  EXPECT_EQ(checked_add(kMaxSigned, std::int64_t{1}), std::nullopt);
  EXPECT_EQ(checked_add(kMinSigned, std::int64_t{-1}), std::nullopt);
  EXPECT_EQ(checked_add(kMinSigned, kMaxSigned), -1);
}

TEST(Checked, MulOfSixtyFourBits) {
  EXPECT_EQ(checked_mul(kMaxUnsigned, std::uint64_t{0}), 0u);
  EXPECT_EQ(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 31), std::uint64_t{1} << 63);
  EXPECT_EQ(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32), std::nullopt);
  // 5 * 0x3333333333333334 is 4 in 64 bits: a wrapped product may look small.
  EXPECT_EQ(checked_mul(std::uint64_t{5}, std::uint64_t{0x3333333333333334}), std::nullopt);
  EXPECT_EQ(checked_mul(kMinSigned, std::int64_t{-1}), std::nullopt);
  EXPECT_EQ(checked_mul(kMaxSigned, std::int64_t{-1}), -kMaxSigned);
}

TEST(Checked, CanBeUsedInConstants) {
  static_assert(checked_add(2, 3) == 5);
  static_assert(!checked_mul(kMaxSigned, std::int64_t{2}));
}

}  // namespace
}  // namespace hardload
