// diagnose names the usual causes of a state dict that does not fit, and says something always.

#include "loader/match/diagnose.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::net;
using testing::net_state;
using testing::State;

std::string diagnosis(const ModuleSpec& module, const State& state) {
  const auto entries = state.entries();
  const MatchReport report = match(module, entries);
  EXPECT_FALSE(report.fits(/*strict=*/true));
  return diagnose(report, entries);
}

// A module and a state dict of one name each.
std::string diagnosis_of_names(const std::string& wanted, const std::string& there) {
  return diagnosis(lone_module({{wanted, {1}}}), State().tensor(there));
}

// Net, as the child `name` of a wrapper.
ModuleSpec wrapped_net(const std::string& name) {
  ModuleSpec module = net();
  for (ModuleSpec::Node& node : module.nodes) {
    node.prefix = name + "." + node.prefix;
    for (ModuleSpec::Child& child : node.children) ++child.node;
  }
  module.nodes.insert(module.nodes.begin(), {"", {}, {{name, 1}}});
  return module;
}

constexpr std::string_view kNamesNothing = "Likely cause: the file belongs to another model.";

// K06
TEST(DiagnosePrefix, OfTheFile) {
  EXPECT_EQ(diagnosis(net(), net_state().prefixed("module.")),
            "Likely cause: the file's keys begin with \"module.\", the model's do not "
            "(DataParallel and torch.compile add such prefixes).");
  EXPECT_NE(diagnosis(net(), net_state().prefixed("any_other.")).find("begin with \"any_other.\""),
            std::string::npos);
}

TEST(DiagnosePrefix, OfTheModel) {
  EXPECT_EQ(diagnosis(wrapped_net("module"), net_state()),
            "Likely cause: the model's names begin with \"module.\", the file's keys do not.");
}

TEST(DiagnosePrefix, MayBeStacked) {
  EXPECT_NE(diagnosis(net(), net_state().prefixed("_orig_mod.module."))
                .find("keys begin with \"_orig_mod.module.\","),
            std::string::npos);
  EXPECT_NE(diagnosis(net(), net_state().prefixed("a.b.c.")).find("keys begin with \"a.b.c.\","),
            std::string::npos);
}

TEST(DiagnosePrefix, IsNamedWhereMostKeysFitWithoutIt) {
  State some = net_state().without("scale").without("steps").tensor("other").prefixed("module.");
  EXPECT_NE(diagnosis(net(), some).find("keys begin with \"module.\","), std::string::npos);
  State few = State().tensor("scale").tensor("x").tensor("y").tensor("z").prefixed("module.");
  EXPECT_EQ(diagnosis(net(), few).find("begin with"), std::string::npos);
}

TEST(DiagnosePrefix, IsNotNamedWhereSomeKeysLackIt) {
  EXPECT_EQ(diagnosis(net(), net_state().prefixed("module.").tensor("other")).find("begin with"),
            std::string::npos);
}

TEST(DiagnosePrefix, IsEscaped) {
  EXPECT_NE(diagnosis(net(), net_state().prefixed("\x1b[2J.")).find("begin with \"\\x1b[2J.\","),
            std::string::npos);
}

TEST(DiagnoseNested, NamesTheDict) {
  for (const std::string type : {"dict", "collections.OrderedDict"}) {
    EXPECT_EQ(diagnosis(net(), State().value("epoch", "int").value("state_dict", type)),
              "Likely cause: the state dict is nested in the file; load the dict under "
              "\"state_dict\".");
  }
  EXPECT_NE(diagnosis(net(), State().value("a\nb", "dict")).find("under \"a\\x0ab\"."),
            std::string::npos);
}

TEST(DiagnoseNested, IsNotNamedWhereSomethingFits) {
  const std::string text = diagnosis(net(), net_state().value("config", "dict"));
  EXPECT_EQ(text.find("nested"), std::string::npos);
  EXPECT_NE(text.find("the saved model has layers that this one does not have"), std::string::npos);
}

TEST(DiagnoseNames, FindsLettersThatWereSwapped) {
  EXPECT_EQ(diagnosis(net(), net_state().without("head.bias").tensor("head.bais")),
            "Nearest names: \"head.bias\" is missing, \"head.bais\" is there. Likely cause: the "
            "model is of another version or configuration than the one that was saved.");
}

// Up to a third of the letters of the name that is missing may differ.
TEST(DiagnoseNames, CountsLettersAddedRemovedAndReplaced) {
  for (const std::string near :
       {"bcdefghij", "abcdefghij0", "abcdYefghij", "abcdefghiY", "abYYYfghij", "YYYdefghij",
        "abcdefg", "YYYabcdefghij", "bcdefghY"}) {
    EXPECT_EQ(diagnosis_of_names("abcdefghij", near),
              "Nearest names: \"abcdefghij\" is missing, \"" + near + "\" is there. " +
                  std::string(kNamesNothing));
  }
  for (const std::string far : {"YYYYefghij", "abcdef", "abcdefghijYYYY", "jihgfedcba", ""}) {
    EXPECT_EQ(diagnosis_of_names("abcdefghij", far), kNamesNothing) << far;
  }
}

TEST(DiagnoseNames, TakesTheNearest) {
  const State state = State().tensor("wXXght").tensor("weigXt").tensor("weXght");
  EXPECT_TRUE(diagnosis(lone_module({{"weight", {1}}}), state)
                  .starts_with("Nearest names: \"weight\" is missing, \"weigXt\" is there. "));
}

TEST(DiagnoseNames, ShowsFiveAtMost) {
  std::vector<ModuleSpec::Entry> entries;
  State state;
  for (const char* name : {"alpha", "bravo", "charlie", "delta", "echoes", "foxtrot"}) {
    entries.push_back({name, {1}});
    state.tensor(std::string(name) + "_");
  }
  const std::string text = diagnosis(lone_module(entries), state);
  EXPECT_TRUE(
      text.starts_with("Nearest names: \"alpha\" is missing, \"alpha_\" is there; "
                       "\"bravo\" is missing, \"bravo_\" is there; "))
      << text;
  EXPECT_NE(text.find("; \"echoes\" is missing, \"echoes_\" is there. Likely"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("foxtrot"), std::string::npos) << text;
}

TEST(DiagnoseNames, ComparesNoLongNames) {
  const std::string name(200, 'x');
  EXPECT_NE(diagnosis_of_names(name, name.substr(1)).find("Nearest names"), std::string::npos);
  EXPECT_EQ(diagnosis_of_names(name + "x", name), kNamesNothing);
  EXPECT_EQ(diagnosis_of_names(name, name + "x"), kNamesNothing);
}

// K04
TEST(DiagnoseNames, AreEscaped) {
  const std::string text = diagnosis_of_names("weight.number\x1b", "weight.number\u202e");
  EXPECT_TRUE(
      text.starts_with("Nearest names: \"weight.number\\x1b\" is missing, "
                       "\"weight.number\\u{202e}\" is there. "))
      << text;
}

TEST(DiagnoseCause, IsTheSizeWhereOnlyShapesDiffer) {
  EXPECT_EQ(diagnosis(net(), net_state().without("head.weight").tensor("head.weight", {7, 2})),
            "Likely cause: the model has the same layers in other sizes than the one that was "
            "saved (number of classes, vocabulary, width).");
}

TEST(DiagnoseCause, IsTheLayersWhereOneSideHasMore) {
  EXPECT_EQ(diagnosis(net(), net_state().without("head.weight").without("head.bias")),
            "Likely cause: the model has layers that the saved one did not have.");
  EXPECT_EQ(diagnosis(net(), net_state().tensor("tail.weight")),
            "Likely cause: the saved model has layers that this one does not have; strict = false "
            "ignores them.");
}

TEST(DiagnoseCause, IsTheVersionWhereBothSidesHaveMore) {
  EXPECT_EQ(diagnosis(net(), net_state().without("head.weight").tensor("tail.abcdefgh")),
            "Likely cause: the model is of another version or configuration than the one that was "
            "saved.");
}

TEST(DiagnoseCause, IsTheFileWhereNothingFits) {
  EXPECT_EQ(diagnosis(net(), State()), kNamesNothing);
  EXPECT_EQ(diagnosis(net(), State().tensor("other")), kNamesNothing);
  EXPECT_EQ(diagnosis(lone_module({}), State().tensor("other")), kNamesNothing);
}

using testing::net;
using testing::net_state;
using testing::State;

// A number where a tensor is expected says nothing about sizes.
TEST(DiagnoseCause, IsNotTheSizeWhereNoShapeDiffers) {
  const State state = net_state().without("steps").value("steps", "int");
  const auto entries = state.entries();
  EXPECT_EQ(diagnose(match(net(), entries), entries).find("other sizes"), std::string::npos);
}

// The checkpoints of training scripts: the optimizer's dict comes first as often as the model's.
TEST(DiagnoseNested, NamesTheDictThatHoldsTheModel) {
  const State state = State().value("optimizer", "dict").value("state_dict", "dict");
  const auto entries = state.entries();
  EXPECT_NE(diagnose(match(net(), entries), entries).find("\"state_dict\""), std::string::npos);
}

}  // namespace
}  // namespace hardload
