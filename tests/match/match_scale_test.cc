// match and diagnose stay near linear where there are very many keys, or very long ones: work that
// grew with the square would not end within the test's time.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/match/diagnose.h"
#include "loader/match/match.h"
#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::State;

// `count` children of the root with one entry each.
ModuleSpec wide_module(std::uint32_t count) {
  ModuleSpec module = {"Wide", {{"", {}, {}}}};
  for (std::uint32_t i = 1; i <= count; ++i) {
    const std::string name = "layer" + std::to_string(i);
    module.nodes[0].children.push_back({name, i});
    module.nodes.push_back({name + ".", {{"weight", {1}}}, {}});
  }
  return module;
}

State wide_state(std::uint32_t count, const std::string& entry) {
  State state;
  for (std::uint32_t i = 1; i <= count; ++i) {
    state.tensor("layer" + std::to_string(i) + "." + entry);
  }
  return state;
}

// K03
TEST(MatchScale, ManyKeysThatFit) {
  const State state = wide_state(200'000, "weight");
  const MatchReport report = match(wide_module(200'000), state.entries());
  EXPECT_TRUE(report.fits(true));
  ASSERT_EQ(report.copies.size(), 200'000u);
  EXPECT_EQ(report.copies.back().node, 200'000u);
  EXPECT_EQ(report.copies.back().state, 199'999u);
}

// K03, K10
TEST(MatchScale, ManyKeysThatDoNotFit) {
  const State state = wide_state(200'000, "bias");
  const MatchReport report = match(wide_module(200'000), state.entries());
  ASSERT_EQ(report.missing_keys.size(), 200'000u);
  ASSERT_EQ(report.unexpected_keys.size(), 200'000u);
  EXPECT_EQ(report.missing_keys[99'999], "layer100000.weight");
  EXPECT_EQ(report.unexpected_keys[99'999], "layer100000.bias");
  EXPECT_NE(diagnose(report, state.entries()).find("Likely cause"), std::string::npos);
}

TEST(MatchScale, ADeepModule) {
  constexpr std::uint32_t kDepth = 2000;
  ModuleSpec module = {"Deep", {{"", {{"w", {1}}}, {{"a", 1}}}}};
  State state = State().tensor("w");
  std::string prefix;
  for (std::uint32_t i = 1; i <= kDepth; ++i) {
    prefix += "a.";
    module.nodes.push_back({prefix, {{"w", {1}}}, {{"a", i < kDepth ? i + 1 : ModuleSpec::kNone}}});
    state.tensor(prefix + "w").tensor(prefix + "x");
  }
  state.tensor(prefix + "a.hidden");
  const MatchReport report = match(module, state.entries());
  EXPECT_TRUE(report.missing_keys.empty());
  EXPECT_EQ(report.copies.size(), kDepth + 1);
  ASSERT_EQ(report.unexpected_keys.size(), kDepth);
  EXPECT_EQ(report.unexpected_keys.front(), "a.x");
  EXPECT_EQ(report.unexpected_keys.back(), prefix + "x");
}

// K04: keys of a megabyte, of many parts.
TEST(MatchScale, LongKeys) {
  std::string dots(1 << 20, '.');
  State state;
  for (const char* end : {"a", "b", "c", "d"}) state.tensor(dots + end);
  const ModuleSpec module = lone_module({{std::string(1 << 20, 'x'), {1}}});
  const MatchReport report = match(module, state.entries());
  EXPECT_EQ(report.unexpected_keys.size(), 4u);
  EXPECT_EQ(report.missing_keys.size(), 1u);
  EXPECT_EQ(diagnose(report, state.entries()), "Likely cause: the file belongs to another model.");
}

TEST(DiagnoseScale, ManyKeysBehindAPrefix) {
  const State state = wide_state(200'000, "weight").prefixed("_orig_mod.module.");
  const MatchReport report = match(wide_module(200'000), state.entries());
  EXPECT_NE(diagnose(report, state.entries()).find("begin with \"_orig_mod.module.\""),
            std::string::npos);
}

// Names of the greatest length whose spelling is compared, on both sides.
TEST(DiagnoseScale, ManyNamesThatAreNearlyRight) {
  std::vector<ModuleSpec::Entry> entries;
  State state;
  for (int i = 100'000; i < 200'000; ++i) {
    entries.push_back({std::string(194, 'x') + std::to_string(i), {1}});
    state.tensor(std::string(194, 'y') + std::to_string(i));
  }
  const MatchReport report = match(lone_module(entries), state.entries());
  EXPECT_EQ(diagnose(report, state.entries()), "Likely cause: the file belongs to another model.");
}

}  // namespace
}  // namespace hardload
