// relax takes out what an option accepts, and nothing else.

#include "loader/match/relax.h"

#include <gtest/gtest.h>

#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::net;
using testing::net_state;
using testing::State;
using Keys = std::vector<std::string>;

TEST(Relax, DoesNothingByDefault) {
  const State state =
      net_state().without("steps").without("scale").tensor("scale", {9}).tensor("x");
  MatchReport report = match(net(), state.entries());
  relax(report, net(), {});
  EXPECT_EQ(report.missing_keys, Keys{"steps"});
  EXPECT_EQ(report.unexpected_keys, std::vector<std::string_view>{"x"});
  EXPECT_EQ(report.mismatches.size(), 1u);
}

TEST(Relax, SkipsShapesButNotValuesThatAreNoTensors) {
  const State state =
      net_state().without("steps").value("steps", "int").without("scale").tensor("scale", {9});
  MatchReport report = match(net(), state.entries());
  Relaxations skip;
  skip.skip_mismatched_shapes = true;
  relax(report, net(), skip);
  ASSERT_EQ(report.mismatches.size(), 1u);
  EXPECT_EQ(report.mismatches[0].key, "steps");
  ASSERT_EQ(report.skipped.size(), 1u);
  EXPECT_EQ(report.skipped[0].key, "scale");
}

TEST(Relax, AcceptsTiedNamesOfWhatIsLoaded) {
  const ModuleSpec module =
      lone_module({{"a", {1}, 0}, {"b", {1}, 0}, {"c", {1}, 1}, {"d", {1}, 1}, {"e", {1}}});
  Relaxations accept;
  accept.accept_tied_names = true;
  const State b = State().tensor("b");
  MatchReport report = match(module, b.entries());
  relax(report, module, accept);
  EXPECT_EQ(report.missing_keys, (Keys{"c", "d", "e"}));
  EXPECT_EQ(report.tied_keys, Keys{"a"});
  EXPECT_EQ(report.missing_places.size(), 3u);
  // A name that is there in another shape is not loaded.
  const State wrong = State().tensor("a", {2}).tensor("c").tensor("d").tensor("e");
  report = match(module, wrong.entries());
  relax(report, module, accept);
  EXPECT_EQ(report.missing_keys, Keys{"b"});
}

TEST(Relax, GlobsNameWhatMayBeMissingOrUnexpected) {
  const State state = net_state().without("body.0.bias").without("head.bias").tensor("ema.a");
  MatchReport report = match(net(), state.entries());
  Relaxations globs;
  globs.optional_keys = {"body.*.bias"};
  globs.ignore_unexpected = {"nothing", "ema.?"};
  relax(report, net(), globs);
  EXPECT_EQ(report.missing_keys, Keys{"head.bias"});
  EXPECT_TRUE(report.unexpected_keys.empty());
}

}  // namespace
}  // namespace hardload
