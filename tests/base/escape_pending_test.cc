// escape_for_display: what its header promises beyond the ranges that it knows.

#include <string>

#include <gtest/gtest.h>

#include "loader/base/escape.h"

namespace hardload {
namespace {

TEST(Escape, UnassignedPlanes) {
  EXPECT_EQ(escape_for_display("\U00040000"), "\\u{040000}");
  EXPECT_EQ(escape_for_display("\U000DFFFD"), "\\u{0dfffd}");
}

// Unicode's Default_Ignorable_Code_Point: shown as nothing at all.
TEST(Escape, InvisibleCharactersOfTheSupplementaryPlane) {
  EXPECT_EQ(escape_for_display("a\U0001BCA0b"), "a\\u{01bca0}b");
  EXPECT_EQ(escape_for_display("a\U0001D173b"), "a\\u{01d173}b");
  EXPECT_EQ(escape_for_display("a\U0001D17Ab"), "a\\u{01d17a}b");
}

TEST(Escape, Noncharacters) {
  EXPECT_EQ(escape_for_display("\ufdd0"), "\\u{fdd0}");
  EXPECT_EQ(escape_for_display("\U0001FFFE"), "\\u{01fffe}");
}

}  // namespace
}  // namespace hardload
