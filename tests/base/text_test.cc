// append and concat: text as it is, integers in decimal over their whole range.

#include "loader/base/text.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(Concat, JoinsTextAndIntegers) {
  const std::string name = "data/0";
  EXPECT_EQ(concat("record ", name, " ends at byte ", 17, std::string_view(".")),
            "record data/0 ends at byte 17.");
  EXPECT_EQ(concat(), "");
  EXPECT_EQ(concat("", ""), "");
}

TEST(Concat, WritesIntegersOfEverySize) {
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
  EXPECT_EQ(concat(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(concat(std::uint8_t{65}, " ", std::int8_t{-128}, " ", std::uint16_t{65535}),
            "65 -128 65535");
  EXPECT_EQ(concat(0, -1), "0-1");
}

TEST(Concat, KeepsNulBytes) {
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(concat(with_nul, 1), std::string("a\0b1", 4));
}

TEST(Append, AddsToWhatIsThere) {
  std::string text = "a";
  append(text, 1, "b");
  append(text);
  append(text, 2u, "c");
  EXPECT_EQ(text, "a1b2c");
}

}  // namespace
}  // namespace hardload
