// Limits::expanded, and walked, is ratio times size plus slack, and saturates instead of wrapping.

#include "loader/base/limits.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace hardload {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(LimitsExpanded, IsRatioTimesSizePlusSlack) {
  const Limits limits = {.max_expansion = 100, .expansion_slack_bytes = 7};
  EXPECT_EQ(limits.expanded(0), 7u);
  EXPECT_EQ(limits.expanded(1), 107u);
  EXPECT_EQ(limits.expanded(1000), 100'007u);
}

TEST(LimitsExpanded, HasTheDocumentedDefaults) {
  EXPECT_EQ(Limits().expanded(0), std::uint64_t{64} << 20);
  EXPECT_EQ(Limits().walked(10), (std::uint64_t{16} << 20) + 640);
  EXPECT_EQ(Limits().expanded(1 << 20), (std::uint64_t{64} << 20) + (std::uint64_t{100} << 20));
}

TEST(LimitsExpanded, SaturatesWhereTheProductWraps) {
  const Limits limits = {.max_expansion = 2, .expansion_slack_bytes = 0};
  EXPECT_EQ(limits.expanded(kMax / 2), kMax - 1);
  EXPECT_EQ(limits.expanded(kMax / 2 + 1), kMax);
  EXPECT_EQ(limits.expanded(kMax), kMax);
}

TEST(LimitsExpanded, SaturatesWhereTheSumWraps) {
  const Limits limits = {.max_expansion = 1, .expansion_slack_bytes = 10};
  EXPECT_EQ(limits.expanded(kMax - 11), kMax - 1);
  EXPECT_EQ(limits.expanded(kMax - 10), kMax);
  EXPECT_EQ(limits.expanded(kMax - 9), kMax);
}

TEST(LimitsExpanded, IsTheSlackAloneWhereTheRatioIsZero) {
  const Limits limits = {.max_expansion = 0, .expansion_slack_bytes = 3};
  EXPECT_EQ(limits.expanded(kMax), 3u);
}

}  // namespace
}  // namespace hardload
