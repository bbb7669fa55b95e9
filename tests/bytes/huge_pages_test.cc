// Huge pages are advice: what memory holds, and how much there is, stays as it is.

#include "loader/bytes/huge_pages.h"

#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(HugePages, ReserveKeepsWhatTheVectorHolds) {
  std::vector<std::uint32_t> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0u);
  const std::vector<std::uint32_t> before = numbers;
  reserve_huge(numbers, 3'000'000);
  EXPECT_EQ(numbers, before);
  EXPECT_GE(numbers.capacity(), 3'000'000u);
  const auto* data = numbers.data();
  numbers.resize(3'000'000, 7);
  EXPECT_EQ(numbers.data(), data);
  EXPECT_EQ(numbers[999], 999u);
  EXPECT_EQ(numbers.back(), 7u);
}

TEST(HugePages, ReserveNeverMakesLess) {
  std::vector<int> numbers;
  numbers.reserve(100);
  const auto* data = numbers.data();
  reserve_huge(numbers, 10);
  EXPECT_EQ(numbers.capacity(), 100u);
  EXPECT_EQ(numbers.data(), data);
}

TEST(HugePages, AdviceOnLittleOrNoMemoryDoesNothing) {
  advise_huge_pages({});
  std::vector<std::byte> few(100, std::byte{1});
  advise_huge_pages(few);
  EXPECT_EQ(few, std::vector<std::byte>(100, std::byte{1}));
}

}  // namespace
}  // namespace hardload
