// UnlistedNames: one error that tells all names, in an order of its own, and not too much of it.

#include "loader/pickle/unlisted.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/base/text.h"

namespace hardload {
namespace {

TEST(UnlistedNames, ListsEachNameOnceInOrder) {
  UnlistedNames names;
  EXPECT_TRUE(names.empty());
  names.add("os", "system");
  names.add("a.b", "C");
  names.add("os", "system");
  EXPECT_FALSE(names.empty());
  const Error error = names.error(false);
  EXPECT_EQ(error.kind(), ErrorKind::kGlobal);
  EXPECT_EQ(error.stage(), Stage::kPickle);
  EXPECT_EQ(error.problem(), "the file names what is not plain data: a.b.C, os.system");
  EXPECT_NE(error.advice().find("Save model.state_dict()"), std::string::npos);
}

TEST(UnlistedNames, NamesTheFirstAsTheClassOfTheWholeObject) {
  UnlistedNames names;
  names.add("my", "Net");
  names.add("a", "B");
  EXPECT_EQ(names.error(true).problem(),
            "this is a whole pickled object (my.Net), not a state dict, and the file names "
            "what is not plain data: a.B, my.Net");
}

TEST(UnlistedNames, HasPython3sModuleNames) {
  UnlistedNames names;
  names.add("__builtin__", "eval");
  names.add("copy_reg", "_reconstructor");
  names.add("__builtin__x", "eval");
  names.add("__builtin__", "xrange");
  names.add("x", "xrange");
  EXPECT_EQ(names.error(false).problem(),
            "the file names what is not plain data: __builtin__x.eval, builtins.eval, "
            "builtins.range, copyreg._reconstructor, x.xrange");
}

TEST(UnlistedNames, ShowsTwentyAndCountsTheRest) {
  UnlistedNames names;
  for (char letter = 'a'; letter <= 't'; ++letter) names.add("m", std::string(1, letter));
  EXPECT_TRUE(names.error(false).problem().ends_with(", m.s, m.t"));
  names.add("m", "u");
  EXPECT_TRUE(names.error(false).problem().ends_with(", m.s, m.t and 1 more"));
  names.add("m", "v");
  EXPECT_TRUE(names.error(false).problem().ends_with(", m.s, m.t and 2 more"));
}

TEST(UnlistedNames, StopsRememberingSomewhere) {
  UnlistedNames names;
  for (int i = 0; i < 20'000; ++i) names.add("m", concat(i));
  EXPECT_TRUE(names.error(false).problem().ends_with(" and 9980 more"));
}

// G01
TEST(UnlistedNames, AreEscapedForDisplay) {
  UnlistedNames names;
  names.add("os\x1b[2J", "sys\xe2\x80\xaetem");
  const std::string shown = names.error(true).display();
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(shown.find("tem"), std::string::npos);
}

}  // namespace
}  // namespace hardload
