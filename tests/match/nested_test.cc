// find_nested: the dicts of a file that hold a module's names, and what diagnose says of them.

#include "loader/match/nested.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/match/diagnose.h"
#include "tests/manifest/checkpoints.h"
#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::PickleBuilder;
using testing::State;
using testing::tensor;
using Path = std::vector<std::string>;
using Items = std::vector<std::pair<std::string, std::string>>;

// Pickle instructions that push one value each.
std::string text(std::string_view value) { return PickleBuilder("").text(value).bytes(); }
std::string wide_tensor() {
  return PickleBuilder("").tensor("FloatStorage", "0", 6, {2}, {1}).bytes();
}
std::string dict(const Items& items) {
  std::string pushed = "}(";
  for (const auto& [key, value] : items) pushed += text(key) + value;
  return pushed + "u";
}
std::string list(const std::string& items) { return "](" + items + "e"; }

Manifest manifest_of(const std::string& instructions) {
  return testing::describe_pickle(PickleBuilder().raw(instructions)).value();
}

ModuleSpec linear() { return lone_module({{"weight", {1}}, {"bias", {1}}}); }
std::string linear_dict(const std::string& prefix = "") {
  return dict({{prefix + "weight", tensor()}, {prefix + "bias", tensor()}});
}

std::vector<NestedFit> fits(const std::string& instructions, std::uint64_t budget = 1 << 20) {
  const Manifest manifest = manifest_of(instructions);
  Work work(budget);
  return find_nested(manifest, linear(), work);
}

TEST(FindNested, TheBestComesFirst) {
  const auto found = fits(dict({
      {"epoch", "K\3"},
      {"ema", dict({{"weight", tensor()}, {"mean", tensor()}})},
      {"parts", list("N" + dict({{"bias", wide_tensor()}}))},
      {"model", dict({{"weight", tensor()}, {"bias", wide_tensor()}, {"other", tensor()}})},
      {"config", dict({{"weight", "K\3"}})},
  }));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].path, Path{"model"});
  EXPECT_EQ(found[0].matched, 2u);
  EXPECT_EQ(found[0].same_shape, 1u);
  EXPECT_EQ(found[0].names, 2u);
  EXPECT_EQ(found[0].score(), 1.0);
  EXPECT_EQ(found[1].path, Path{"ema"});
  EXPECT_EQ(found[1].same_shape, 1u);
  EXPECT_EQ(found[1].score(), 0.5);
  EXPECT_EQ(found[2].path, (Path{"parts", "1"}));
  EXPECT_EQ(found[2].matched, 1u);
  EXPECT_EQ(found[2].same_shape, 0u);
  EXPECT_EQ(NestedFit{}.score(), 0);
}

TEST(FindNested, KeysMayHaveAPrefix) {
  const auto found = fits(dict({{"net", linear_dict("module.")}}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].prefix, "module.");
  EXPECT_EQ(found[0].matched, 2u);
}

TEST(FindNested, LooksNoDeeperThanPathsGo) {
  const auto at_depth = [](std::size_t depth) {
    std::string value = linear_dict();
    for (std::size_t i = 0; i < depth; ++i) value = i % 2 == 0 ? list(value) : dict({{"d", value}});
    return fits(value);
  };
  EXPECT_EQ(at_depth(0).size(), 1u);
  ASSERT_EQ(at_depth(16).size(), 1u);
  EXPECT_EQ(at_depth(16)[0].path.size(), 16u);
  EXPECT_TRUE(at_depth(17).empty());
}

// Also where one holds itself.
TEST(FindNested, LooksAtEachContainerOnce) {
  const std::string shared = linear_dict() + PickleBuilder("").put(1).bytes();
  const std::string again = PickleBuilder("").get(1).bytes();
  EXPECT_EQ(fits(dict({{"a", shared}, {"b", again}, {"c", list(again)}})).size(), 1u);
  std::string loop = "}" + PickleBuilder("").put(1).bytes() + text("weight") + tensor() + "s";
  loop += text("self") + again + "s" + text("list") + list(again) + "s";
  const auto found = fits(loop);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, Path());
}

TEST(FindNested, PathsAreOfTexts) {
  EXPECT_TRUE(fits("}K\1" + linear_dict() + "s").empty());
  EXPECT_EQ(fits("}K\1" + tensor() + "s" + text("weight") + tensor() + "s").size(), 1u);
}

// A file of any number of dicts is no reason to look at all, nor to tell of all.
TEST(FindNested, IsBounded) {
  Items many;
  for (int i = 0; i < 20; ++i) many.emplace_back(concat("d", i), linear_dict());
  EXPECT_EQ(fits(dict(many)).size(), kMostNestedFits);
  EXPECT_TRUE(fits(dict(many), 0).empty());
  EXPECT_TRUE(fits(dict(many), 50).empty());
  std::size_t most = 0;
  for (std::uint64_t budget = 0; budget < 5000; budget += 7) {
    const std::size_t count =
        fits(dict({{"a", linear_dict()}, {"b", linear_dict()}}), budget).size();
    EXPECT_LE(most, count) << budget;
    most = count;
  }
  EXPECT_EQ(most, 2u);
}

// What diagnose says of the dict under `taken` of a file; empty: of the whole file.
Diagnosis diagnosis(const std::string& instructions, const std::string& taken, const State& state) {
  const Manifest manifest = manifest_of(instructions);
  const ModuleSpec module = linear();
  const auto entries = state.entries();
  const Value dict = taken.empty() ? manifest.root() : *manifest.root().find(taken);
  DiagnosisInput input{module, entries};
  input.manifest = &manifest;
  input.identity = dict.identity();
  return diagnose(match(module, entries), input);
}

TEST(DiagnoseNestedInFile, NamesTheDicts) {
  const std::string file = dict({{"epoch", "K\3"},
                                 {"models", list(linear_dict())},
                                 {"ema", dict({{"module.weight", wide_tensor()}})}});
  const State whole = State().value("epoch", "int").value("models", "list").value("ema", "dict");
  EXPECT_EQ(
      diagnosis(file, "", whole).text(),
      "Likely cause: the state dict is nested in the file: {\"models\", \"0\"} has 2 of the 2 "
      "names, \"ema\" has 1 of the 2 names (0 in its shape) behind \"module.\". Take "
      "checkpoint.state_dict({\"models\", \"0\"}).");
  EXPECT_EQ(
      diagnosis(dict({{"net", linear_dict("module.")}}), "", State().value("net", "dict")).remedy,
      "checkpoint.state_dict(\"net\") with options.strip_prefix = \"module.\"");
}

TEST(DiagnoseNestedInFile, MayBeTheWholeFile) {
  const std::string file =
      dict({{"weight", tensor()}, {"bias", tensor()}, {"extra", dict({{"x", tensor()}})}});
  EXPECT_EQ(diagnosis(file, "extra", State().tensor("x")).remedy, "checkpoint.state_dict()");
}

// The dict that was taken is the best there is, or as good as the best.
TEST(DiagnoseNestedInFile, IsNotNamedWhereNoneIsBetter) {
  const std::string half = dict({{"weight", tensor()}});
  const std::string file = dict({{"a", half}, {"b", half}});
  for (const char* taken : {"a", "b"}) {
    EXPECT_EQ(diagnosis(file, taken, State().tensor("weight")).cause, Diagnosis::Cause::kModelMore);
  }
  EXPECT_EQ(diagnosis(dict({{"x", tensor()}}), "", State().tensor("x")).cause,
            Diagnosis::Cause::kOtherModel);
}

TEST(DiagnoseNestedInFile, IsBesideTheOptimizer) {
  const std::string optimizer = dict({{"state", "}"}, {"param_groups", "]"}});
  const std::string file = dict({{"optimizer", optimizer}, {"model", linear_dict()}});
  const State state = State().value("state", "dict").value("param_groups", "list");
  const Diagnosis found = diagnosis(file, "optimizer", state);
  EXPECT_EQ(found.cause, Diagnosis::Cause::kOptimizer);
  EXPECT_NE(found.sentence.find("not of a model; the model's is beside it"), std::string::npos);
  EXPECT_EQ(found.remedy, "checkpoint.state_dict(\"model\")");
}

}  // namespace
}  // namespace hardload
