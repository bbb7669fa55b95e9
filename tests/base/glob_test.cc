#include "loader/base/glob.h"

#include <string>

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(Glob, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("***", "a.b/c"));
  EXPECT_TRUE(matches_glob("a*c", "abbc"));
  EXPECT_TRUE(matches_glob("a*b*c", "a.b.b.c"));
  EXPECT_TRUE(matches_glob("*.bias", "encoder.0.bias"));
  EXPECT_TRUE(matches_glob("?", "x"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_FALSE(matches_glob("a", ""));
  EXPECT_FALSE(matches_glob("?", ""));
  EXPECT_FALSE(matches_glob("a*c", "abcd"));
  EXPECT_FALSE(matches_glob("*.bias", "bias"));
  EXPECT_FALSE(matches_glob("a?c", "ac"));
}

// The last star alone is tried again, or this would not end.
TEST(Glob, ManyStarsEnd) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(10'000, 'a')));
  EXPECT_TRUE(matches_glob(pattern, std::string(10'000, 'a')));
}

}  // namespace
}  // namespace hardload
