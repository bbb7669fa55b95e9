// match finds what PyTorch finds, in PyTorch's order. What is expected here was printed by
// torch 2.11 for the same modules and state dicts.

#include "loader/match/match.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/match/error_text.h"
#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::net;
using testing::net_state;
using testing::State;
using Keys = std::vector<std::string>;

Keys unexpected_in(const MatchReport& report) {
  return {report.unexpected_keys.begin(), report.unexpected_keys.end()};
}

Keys missing_from(const ModuleSpec& module, const State& state,
                  std::span<const ModuleVersion> versions = {}) {
  return match(module, state.entries(), versions).missing_keys;
}

Keys unexpected_by(const ModuleSpec& module, const State& state) {
  return unexpected_in(match(module, state.entries()));
}

TEST(Match, FillsEveryEntryInOrder) {
  const State state = net_state().reversed();
  const MatchReport report = match(net(), state.entries());
  EXPECT_TRUE(report.fits(/*strict=*/true));
  std::vector<std::vector<std::uint32_t>> copies;
  for (const MatchReport::Copy& c : report.copies) copies.push_back({c.node, c.entry, c.state});
  EXPECT_EQ(
      copies,
      (std::vector<std::vector<std::uint32_t>>{
          {0, 0, 7}, {0, 1, 6}, {2, 0, 5}, {2, 1, 4}, {4, 0, 3}, {4, 1, 2}, {5, 0, 1}, {5, 1, 0}}));
}

TEST(Match, NothingFitsNothing) {
  const MatchReport report = match(lone_module({}), {});
  EXPECT_TRUE(report.fits(true));
  EXPECT_TRUE(report.copies.empty());
}

TEST(Match, StrictCountsKeysAndBothCountMismatches) {
  const auto fits = [](const State& state, bool strict) {
    return match(net(), state.entries()).fits(strict);
  };
  EXPECT_FALSE(fits(net_state().without("head.bias"), true));
  EXPECT_TRUE(fits(net_state().without("head.bias"), false));
  EXPECT_FALSE(fits(net_state().tensor("more"), true));
  EXPECT_TRUE(fits(net_state().tensor("more"), false));
  EXPECT_FALSE(fits(net_state().without("head.bias").tensor("head.bias", {2}), true));
  EXPECT_FALSE(fits(net_state().without("head.bias").tensor("head.bias", {2}), false));
}

TEST(MatchMissing, AreInTheModulesOrder) {
  EXPECT_EQ(missing_from(net(), State()),
            (Keys{"scale", "steps", "body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias",
                  "head.weight", "head.bias"}));
  EXPECT_EQ(missing_from(net(), net_state().without("steps").without("body.2.weight")),
            (Keys{"steps", "body.2.weight"}));
}

// A module that is used twice needs its keys twice.
TEST(MatchMissing, AreNamedByEachPathOfASharedModule) {
  const std::vector<ModuleSpec::Entry> linear = {{"weight", {1, 1}}, {"bias", {1}}};
  const ModuleSpec shared = {
      "Sequential", {{"", {}, {{"0", 1}, {"1", 2}}}, {"0.", linear, {}}, {"1.", linear, {}}}};
  const State state = State().tensor("0.weight", {1, 1}).tensor("0.bias");
  EXPECT_EQ(missing_from(shared, state), (Keys{"1.weight", "1.bias"}));
}

TEST(MatchUnexpected, AreInTheOrderOfModulesThenOfTheStateDict) {
  const State state = State()
                          .tensor("zz")
                          .tensor("head.x")
                          .tensor("body.0.extra")
                          .tensor("body.9.weight")
                          .tensor("a")
                          .all_of(net_state());
  const MatchReport report = match(net(), state.entries());
  EXPECT_TRUE(report.missing_keys.empty());
  EXPECT_EQ(unexpected_in(report), (Keys{"zz", "a", "body.9.weight", "body.0.extra", "head.x"}));
}

TEST(MatchUnexpected, ExtraStateComesBeforeTheOtherKeysOfItsModule) {
  const State state = net_state()
                          .tensor("b")
                          .value("_extra_state", "int")
                          .tensor("body.b")
                          .value("body._extra_state", "int")
                          .tensor("head.q")
                          .tensor("head._extra_state")
                          .tensor("_extra_state.a")
                          .tensor("body._extra_state.b");
  EXPECT_EQ(unexpected_by(net(), state),
            (Keys{"_extra_state", "b", "_extra_state.a", "body._extra_state", "body.b",
                  "body._extra_state.b", "head._extra_state", "head.q"}));
}

// For a module that takes them, in the order of its parts.
TEST(MatchUnexpected, ExtraStateMayBeWanted) {
  const State state = net_state()
                          .value("head._extra_state", "int")
                          .tensor("head.q")
                          .value("_extra_state", "int")
                          .tensor("_extra_state.a");
  const auto entries = state.entries();
  const MatchReport report = match(net(), entries, {}, ExtraStates::kWanted);
  EXPECT_EQ(unexpected_in(report), (Keys{"_extra_state.a", "head.q"}));
  ASSERT_EQ(report.extra_states.size(), 2u);
  EXPECT_EQ(report.extra_states[0].node, 0u);
  EXPECT_EQ(entries[report.extra_states[0].state].key, "_extra_state");
  EXPECT_EQ(report.extra_states[1].node, 5u);
  EXPECT_EQ(entries[report.extra_states[1].state].key, "head._extra_state");
}

// K04, K05
TEST(MatchUnexpected, KeysOfOddShapeBelongWherePyTorchSaysSo) {
  State state = net_state();
  for (const char* key : {".", "", ".a", "a.", "body.", "body..weight", "body.0.",
                          "body.0.weight.x", "head.weight.x", "scale.x", "body", "steps."}) {
    state.tensor(key);
  }
  EXPECT_EQ(unexpected_by(net(), state),
            (Keys{".", "", ".a", "a.", "scale.x", "body", "steps.", "body.", "body..weight",
                  "body.0.", "body.0.weight.x", "head.weight.x"}));
}

// K07: names that look alike are different names.
TEST(MatchUnexpected, NamesAreComparedByteByByte) {
  const ModuleSpec module = lone_module({{"caf\u00e9", {1}}, {"a", {1}}});
  const State state =
      State().tensor("cafe\u0301").tensor("A").tensor(std::string("a\0", 2)).tensor("\u0430");
  const MatchReport report = match(module, state.entries());
  EXPECT_EQ(report.missing_keys, (Keys{"caf\u00e9", "a"}));
  EXPECT_EQ(unexpected_in(report), (Keys{"cafe\u0301", "A", std::string("a\0", 2), "\u0430"}));
}

// class N: self.register_module("none", None); self.real = nn.Linear(1, 1), and a parameter "p", a
// buffer "q" that are None and one, "np", that is not persistent, none of which is in a spec.
TEST(MatchUnexpected, AChildThatIsNullHidesTheKeysBelowIt) {
  const ModuleSpec module = {"N",
                             {{"", {}, {{"none", ModuleSpec::kNone}, {"real", 1}}},
                              {"real.", {{"weight", {1, 1}}, {"bias", {1}}}, {}}}};
  State state = State().tensor("real.weight", {1, 1}).tensor("real.bias");
  for (const char* key : {"none.weight", "none.a.b", "none", "none.", "p", "q", "np", "nonex.a"}) {
    state.tensor(key);
  }
  EXPECT_EQ(unexpected_by(module, state), (Keys{"none", "p", "q", "np", "nonex.a"}));
}

// C++ lets a parameter, a buffer and a child share one name.
TEST(Match, AKeyFillsAllEntriesOfItsName) {
  const ModuleSpec module = {
      "Same", {{"", {{"a", {1}}, {"a", {1}}}, {{"a", 1}}}, {"a.", {{"weight", {1}}}, {}}}};
  const MatchReport report = match(module, State().tensor("a").tensor("a.weight").entries());
  EXPECT_TRUE(report.fits(true));
  ASSERT_EQ(report.copies.size(), 3u);
  EXPECT_EQ(report.copies[0].state, 0u);
  EXPECT_EQ(report.copies[1].state, 0u);
  EXPECT_EQ(report.copies[2].state, 1u);
}

// K12: of all shapes, [1] alone loads into another, [].
TEST(MatchShapes, AreEqualButForTheScalar) {
  using Shape = std::vector<std::int64_t>;
  const std::vector<Shape> models = {{}, {1}, {3}, {1, 1}, {0}};
  const std::vector<Shape> saved = {{}, {1}, {3}, {1, 1}, {0}, {1, 0}};
  for (const Shape& model : models) {
    for (const Shape& shape : saved) {
      const auto module = lone_module({{"x", model}});
      const MatchReport report = match(module, State().tensor("x", shape).entries());
      const bool fits = model == shape || (model == Shape{} && shape == Shape{1});
      EXPECT_EQ(report.fits(true), fits) << size_text(model) << " " << size_text(shape);
      EXPECT_EQ(report.copies.size(), fits ? 1u : 0u);
      ASSERT_EQ(report.mismatches.size(), fits ? 0u : 1u);
      if (fits) continue;
      EXPECT_EQ(report.mismatches[0].key, "x");
      EXPECT_EQ(report.mismatches[0].type, "");
      EXPECT_EQ(report.mismatches[0].saved, shape);
      EXPECT_EQ(report.mismatches[0].model, model);
    }
  }
}

TEST(MatchValues, WhatIsNoTensorIsAMismatchWhereATensorIsExpected) {
  const State state = net_state().without("steps").value("steps", "int").value("epoch", "int");
  const MatchReport report = match(net(), state.entries());
  ASSERT_EQ(report.mismatches.size(), 1u);
  EXPECT_EQ(report.mismatches[0].key, "steps");
  EXPECT_EQ(report.mismatches[0].type, "int");
  EXPECT_TRUE(report.missing_keys.empty());
  EXPECT_EQ(unexpected_in(report), Keys{"epoch"});
}

// class Net: two nn.BatchNorm1d, and a buffer of its own called num_batches_tracked.
TEST(MatchBatchNorm, CountsMayBeAbsentBeforeVersionTwo) {
  ModuleSpec module = {"Net",
                       {{"", {{"num_batches_tracked", {}}}, {{"first", 1}, {"second", 2}}},
                        {"first.", {{"weight", {2}}, {"num_batches_tracked", {}}}, {}, true},
                        {"second.", {{"weight", {2}}, {"num_batches_tracked", {}}}, {}, true}}};
  const State state = State()
                          .tensor("num_batches_tracked", {})
                          .tensor("first.weight", {2})
                          .tensor("second.weight", {2});
  struct Case {
    std::vector<ModuleVersion> versions;
    Keys missing;
  };
  const Keys first = {"first.num_batches_tracked"}, second = {"second.num_batches_tracked"};
  for (const Case& c : {Case{{}, {}}, Case{{{"", 1}, {"first", 1}, {"second", 1}}, {}},
                        Case{{{"", 1}, {"first", 1}, {"second", 2}}, second},
                        Case{{{"", 1}, {"first", 2}, {"second", 2}}, {first[0], second[0]}},
                        Case{{{"", 1}, {"first", 3}, {"second", 0}}, first}, Case{{{"", 2}}, {}}}) {
    EXPECT_EQ(missing_from(module, state, c.versions), c.missing);
  }
  EXPECT_EQ(missing_from(module, State(state).without("num_batches_tracked")),
            Keys{"num_batches_tracked"});
}

TEST(MatchBatchNorm, TheRootMayBeOne) {
  const ModuleSpec module = {"BatchNorm1d",
                             {{"", {{"weight", {2}}, {"num_batches_tracked", {}}}, {}, true}}};
  const State state = State().tensor("weight", {2});
  EXPECT_EQ(missing_from(module, state), Keys{});
  const std::vector<ModuleVersion> versions = {{"", 2}};
  EXPECT_EQ(missing_from(module, state, versions), Keys{"num_batches_tracked"});
}

// A count that is there is matched as anything else, whatever the version.
TEST(MatchBatchNorm, CountsThatAreThereAreMatched) {
  const ModuleSpec module = {"BatchNorm1d", {{"", {{"num_batches_tracked", {}}}, {}, true}}};
  EXPECT_TRUE(match(module, State().tensor("num_batches_tracked", {}).entries()).fits(true));
  EXPECT_FALSE(match(module, State().tensor("num_batches_tracked", {3}).entries()).fits(false));
}

}  // namespace
}  // namespace hardload
