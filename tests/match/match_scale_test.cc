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

std::string diagnosis(const ModuleSpec& module, const MatchReport& report, const State& state) {
  const auto entries = state.entries();
  return diagnose(report, {module, entries}).text();
}

constexpr std::string_view kNamesNothing = "Likely cause: the file belongs to another model.";

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
  const ModuleSpec module = wide_module(200'000);
  const MatchReport report = match(module, state.entries());
  ASSERT_EQ(report.missing_keys.size(), 200'000u);
  ASSERT_EQ(report.unexpected_keys.size(), 200'000u);
  EXPECT_EQ(report.missing_keys[99'999], "layer100000.weight");
  EXPECT_EQ(report.unexpected_keys[99'999], "layer100000.bias");
  EXPECT_NE(diagnosis(module, report, state).find("Likely cause"), std::string::npos);
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
  EXPECT_EQ(diagnosis(module, report, state), kNamesNothing);
}

TEST(DiagnoseScale, ManyKeysBehindAPrefix) {
  const State state = wide_state(200'000, "weight").prefixed("_orig_mod.module.");
  const ModuleSpec module = wide_module(200'000);
  const MatchReport report = match(module, state.entries());
  EXPECT_NE(diagnosis(module, report, state).find("begin with \"_orig_mod.module.\""),
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
  const ModuleSpec module = lone_module(entries);
  EXPECT_EQ(diagnosis(module, match(module, state.entries()), state), kNamesNothing);
}

// 100,000 missing and 100,000 unexpected names, made to cost most: of many parts each, no part of
// which helps, all alike but for one, long.
TEST(DiagnoseScale, ManyNamesOfManyParts) {
  std::string parts;
  for (int i = 0; i < 40; ++i) parts += "a.";
  std::vector<ModuleSpec::Entry> entries;
  State state;
  for (int i = 100'000; i < 200'000; ++i) {
    entries.push_back({parts + "x" + std::to_string(i), {1}});
    state.tensor(parts + "y" + std::to_string(i));
  }
  const ModuleSpec module = lone_module(entries);
  const MatchReport report = match(module, state.entries());
  ASSERT_EQ(report.unexpected_keys.size(), 100'000u);
  EXPECT_FALSE(diagnosis(module, report, state).empty());
}

TEST(DiagnoseScale, ManyLongNames) {
  std::string parts;
  for (int i = 0; i < 5'000; ++i) parts += "b.";
  std::vector<ModuleSpec::Entry> entries;
  State state;
  for (int i = 1'000; i < 3'000; ++i) {
    entries.push_back({parts + "x" + std::to_string(i), {1}});
    state.tensor("c." + parts + "y" + std::to_string(i));
  }
  const ModuleSpec module = lone_module(entries);
  EXPECT_EQ(diagnosis(module, match(module, state.entries()), state), kNamesNothing);
}

// A flat container, counted: ten times the keys take ten times the steps.
TEST(MatchScale, StepsGrowWithTheKeys) {
  const auto steps = [](std::uint32_t count) {
    const State state = wide_state(count, "weight");
    const MatchReport report = match(wide_module(count), state.entries());
    EXPECT_TRUE(report.fits(true));
    return static_cast<double>(report.steps) / count;
  };
  const auto steps_unfit = [](std::uint32_t count) {
    const State unfit = wide_state(count, "bias");
    return static_cast<double>(match(wide_module(count), unfit.entries()).steps) / count;
  };
  for (const std::uint32_t count : {1'000u, 10'000u, 100'000u, 1'000'000u}) {
    EXPECT_LT(steps(count), 4) << count;
    EXPECT_LT(steps_unfit(count), 8) << count;
  }
}

}  // namespace
}  // namespace hardload
