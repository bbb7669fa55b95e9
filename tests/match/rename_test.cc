// KeyRules: which keys become what.

#include "loader/match/rename.h"

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

std::string key(const KeyRules& rules, std::string_view text) { return rewritten_key(rules, text); }
std::string path(const KeyRules& rules, std::string_view text) {
  return rewritten_path(rules, text);
}

TEST(Rename, ReplacesWholePartsOnly) {
  const Rename rule = {"fc", "head"};
  EXPECT_EQ(renamed(rule, "fc.weight"), "head.weight");
  EXPECT_EQ(renamed(rule, "a.fc.weight"), "a.head.weight");
  EXPECT_EQ(renamed(rule, "fc"), "head");
  EXPECT_EQ(renamed(rule, "a.fc"), "a.head");
  EXPECT_EQ(renamed(rule, "fc.fc.fc"), "head.head.head");
  for (const char* other : {"fc1.weight", "afc.weight", "f.c.weight", "", ".", "a..b"}) {
    EXPECT_EQ(renamed(rule, other), other);
  }
}

TEST(Rename, TakesSeveralParts) {
  EXPECT_EQ(renamed({"a.b", "c"}, "x.a.b.y"), "x.c.y");
  EXPECT_EQ(renamed({"a", "b.c"}, "x.a.y"), "x.b.c.y");
  EXPECT_EQ(renamed({"a.b", "c"}, "a.x.b"), "a.x.b");
  EXPECT_EQ(renamed({"a.b", "c"}, "a"), "a");
  EXPECT_EQ(renamed({"a.a", "b"}, "a.a.a"), "b.a");
}

TEST(Rename, RemovesParts) {
  EXPECT_EQ(renamed({"_orig_mod", ""}, "encoder._orig_mod.conv.weight"), "encoder.conv.weight");
  EXPECT_EQ(renamed({"_orig_mod", ""}, "_orig_mod.conv"), "conv");
  EXPECT_EQ(renamed({"_orig_mod", ""}, "_orig_mod.a._orig_mod.b"), "a.b");
  EXPECT_EQ(renamed({"a", ""}, "a"), "");
}

TEST(Rename, StarsStandForOnePart) {
  const Rename rule = {"layers.*.attn", "blocks.*.attention"};
  EXPECT_EQ(renamed(rule, "x.layers.11.attn.weight"), "x.blocks.11.attention.weight");
  EXPECT_EQ(renamed(rule, "layers.1.2.attn"), "layers.1.2.attn");
  EXPECT_EQ(renamed({"a.*.*", "*.b.*"}, "a.1.2"), "1.b.2");
  EXPECT_EQ(renamed({"a.*", "b"}, "a.1.w"), "b.w");
}

TEST(KeyRules, AreEmptyWhereNoneIsSet) {
  EXPECT_TRUE(KeyRules{}.empty());
  for (const KeyRules& rules : {KeyRules{.strip_prefix = "a."}, KeyRules{.renames = {{"a", "b"}}},
                                KeyRules{.add_prefix = "a."}}) {
    EXPECT_FALSE(rules.empty());
  }
}

TEST(KeyRules, AreAppliedInOrder) {
  const KeyRules rules = {"module.", {{"a", "b"}, {"b", "c"}}, "net."};
  EXPECT_EQ(key(rules, "module.a.w"), "net.c.w");
  EXPECT_EQ(key(rules, "a.w"), "net.c.w");
  EXPECT_EQ(key(rules, "module.module.x"), "net.module.x");  // taken off once
  EXPECT_EQ(key({}, "a.w"), "a.w");
}

// torch.nn.modules.utils.consume_prefix_in_state_dict_if_present
TEST(KeyRules, RewritePathsAsTheKeysUnderThem) {
  const KeyRules strip = {"module."};
  EXPECT_EQ(path(strip, "module"), "");
  EXPECT_EQ(path(strip, "module.fc"), "fc");
  EXPECT_EQ(path(strip, ""), "");
  EXPECT_EQ(path(strip, "modules"), "modules");
  KeyRules add;
  add.add_prefix = "net.";
  EXPECT_EQ(path(add, ""), "net");
  EXPECT_EQ(path(add, "fc"), "net.fc");
  KeyRules rename;
  rename.renames = {{"fc", "head"}};
  EXPECT_EQ(path(rename, "a.fc"), "a.head");
}

TEST(KeyRules, WithoutAMeaningAreRefused) {
  EXPECT_OK(check_rules({"", {{"a.*", "*"}, {"a", ""}}, ""}));
  EXPECT_ERROR(check_rules({"", {{"", "a"}}, ""}), ErrorKind::kKey, "replaces nothing");
  EXPECT_ERROR(check_rules({"", {{"a.*", "*.*"}}, ""}), ErrorKind::kKey, "more '*'");
}

}  // namespace
}  // namespace hardload
