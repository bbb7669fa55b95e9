// seeded_hash leaves no collision that can be prepared without knowing the seed.

#include <string>

#include <gtest/gtest.h>

#include "loader/base/hash.h"

namespace hardload {
namespace {

// The length and the first word must not cancel each other.
TEST(SeededHash, KeepsLengthAndFirstWordApart) {
  EXPECT_NE(seeded_hash(std::string("\1\0", 2)), seeded_hash(std::string("\0\0\0", 3)));
}

TEST(SeededHashIgnoringCase, KeepsLengthAndFirstWordApart) {
  EXPECT_NE(seeded_hash_ignoring_case("a"), seeded_hash_ignoring_case("b "));
}

}  // namespace
}  // namespace hardload
