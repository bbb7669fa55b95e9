// seeded_hash leaves no collision that can be prepared without knowing the seed.

#include <string>

#include <gtest/gtest.h>

#include "loader/base/hash.h"

namespace hardload {
namespace {

TEST(SeededHash, KeepsLengthAndFirstWordApart) {
  EXPECT_NE(seeded_hash(std::string("\1\0", 2)), seeded_hash(std::string("\0\0\0", 3)));
  EXPECT_NE(seeded_hash(std::string("a\0\0", 3)), seeded_hash(std::string("c\0", 2)));
  EXPECT_NE(seeded_hash_ignoring_case("a"), seeded_hash_ignoring_case("b "));
  EXPECT_NE(seeded_hash_ignoring_case("c"), seeded_hash_ignoring_case("`  "));
}

}  // namespace
}  // namespace hardload
