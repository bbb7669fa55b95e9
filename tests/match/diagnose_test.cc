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
  return diagnose(report, {module, entries}).text();
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
            "(DataParallel and torch.compile add such names). Try options.strip_prefix = "
            "\"module.\".");
  EXPECT_NE(diagnosis(net(), net_state().prefixed("any_other.")).find("begin with \"any_other.\""),
            std::string::npos);
}

TEST(DiagnosePrefix, OfTheModel) {
  EXPECT_EQ(diagnosis(wrapped_net("module"), net_state()),
            "Likely cause: the model's names begin with \"module.\", the file's keys do not "
            "(DataParallel and torch.compile add such names). Try options.add_prefix = "
            "\"module.\".");
}

TEST(DiagnosePrefix, MayBeStacked) {
  EXPECT_NE(diagnosis(net(), net_state().prefixed("_orig_mod.module."))
                .find("keys begin with \"_orig_mod.module.\","),
            std::string::npos);
  EXPECT_NE(diagnosis(net(), net_state().prefixed("a.b.c.")).find("keys begin with \"a.b.c.\","),
            std::string::npos);
}

TEST(DiagnosePrefix, IsThatOfMostKeys) {
  const State state = State().tensor("b.z").tensor("a.x").tensor("a.y");
  EXPECT_NE(diagnosis(lone_module({{"x", {1}}, {"y", {1}}, {"z", {1}}}), state)
                .find("keys begin with \"a.\","),
            std::string::npos);
}

// activation checkpoints, adapters: parts that the model has and the file does not.
TEST(DiagnosePrefix, MayBeInsideOfTheModelsNames) {
  const ModuleSpec module = lone_module({{"layers.0.wrapped.weight", {1}},
                                         {"layers.1.wrapped.weight", {1}},
                                         {"layers.2.other", {1}}});
  const State state = State().tensor("layers.0.weight").tensor("layers.1.weight").tensor("x");
  EXPECT_EQ(diagnosis(module, state),
            "Likely cause: the model's names contain \"wrapped.\", the file's keys do not. Try "
            "options.renames = {{\"layers.*\", \"layers.*.wrapped\"}}.");
}

TEST(DiagnosePrefix, IsNamedWhereMostKeysFitWithoutIt) {
  State some = net_state().without("scale").without("steps").tensor("other").prefixed("module.");
  EXPECT_NE(diagnosis(net(), some).find("keys begin with \"module.\","), std::string::npos);
  State few = State().tensor("scale").tensor("x").tensor("y").tensor("z").prefixed("module.");
  EXPECT_EQ(diagnosis(net(), few).find("begin with"), std::string::npos);
}

TEST(DiagnosePrefix, MayBeLackedBySomeKeys) {
  EXPECT_NE(diagnosis(net(), net_state().prefixed("module.").tensor("other"))
                .find("begin with \"module.\""),
            std::string::npos);
}

TEST(DiagnosePrefix, IsEscaped) {
  EXPECT_NE(diagnosis(net(), net_state().prefixed("\x1b[2J.")).find("begin with \"\\x1b[2J.\","),
            std::string::npos);
}

TEST(DiagnoseNested, NamesTheDict) {
  for (const std::string type : {"dict", "collections.OrderedDict"}) {
    EXPECT_EQ(diagnosis(net(), State().value("epoch", "int").value("state_dict", type)),
              "Likely cause: the state dict is nested: there is a dict under \"state_dict\". Take "
              "checkpoint.state_dict(\"state_dict\").");
  }
  EXPECT_NE(diagnosis(net(), State().value("a\nb", "dict")).find("under \"a\\x0ab\". "),
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
            "Likely cause: the saved model has 7 outputs in \"head\", this one 1 (number of "
            "classes). Try options.skip_mismatched_shapes = true.\n"
            "  key          in the file  in the model\n"
            "  head.weight  [7, 2]       [1, 2]");
}

TEST(DiagnoseCause, IsTheLayersWhereOneSideHasMore) {
  EXPECT_EQ(diagnosis(net(), net_state().without("head.weight").without("head.bias")),
            "Likely cause: the model has layers that the saved one did not have. Try "
            "options.strict = false.");
  EXPECT_EQ(diagnosis(net(), net_state().tensor("tail.weight")),
            "Likely cause: the saved model has layers that this one does not have. Try "
            "options.strict = false.");
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

// A number where a tensor is expected says nothing about sizes.
TEST(DiagnoseCause, IsNotTheSizeWhereNoShapeDiffers) {
  const State state = net_state().without("steps").value("steps", "int");
  EXPECT_EQ(diagnosis(net(), state),
            "Likely cause: what the file has under these names cannot be copied into a parameter.");
}

// The checkpoints of training scripts: the optimizer's dict comes first as often as the model's.
TEST(DiagnoseNested, NamesTheDictThatHoldsTheModel) {
  const State state = State().value("optimizer", "dict").value("state_dict", "dict");
  EXPECT_NE(diagnosis(net(), state).find("\"state_dict\""), std::string::npos);
}

// Rows of {key, remedy}: what the option is to be set to, where some options are set already.
TEST(DiagnoseRemedy, GoesOnFromTheRulesThatAreSet) {
  const auto remedy = [](const State& state, const KeyRules& rules) {
    const ModuleSpec module = net();
    const auto entries = state.entries();
    const MatchReport report = match(module, entries);
    DiagnosisInput input = {module, entries};
    input.rules = &rules;
    return diagnose(report, input).remedy;
  };
  const State behind = net_state().prefixed("module.");
  EXPECT_EQ(remedy(behind, {}), "options.strip_prefix = \"module.\"");
  EXPECT_EQ(remedy(behind, {.strip_prefix = "_orig_mod."}),
            "options.strip_prefix = \"_orig_mod.module.\"");
  EXPECT_EQ(remedy(behind, {.add_prefix = "module."}), "");
  const State inner = State()
                          .all_of(net_state().without("body.0.weight").without("body.0.bias"))
                          .tensor("body.wrapped.0.weight", {5, 3})
                          .tensor("body.wrapped.0.bias", {5});
  EXPECT_EQ(remedy(inner, {}), "options.renames = {{\"wrapped\", \"\"}}");
  EXPECT_EQ(remedy(inner, {.renames = {{"a", "b"}}}),
            "options.renames.push_back({\"wrapped\", \"\"})");
  EXPECT_EQ(remedy(inner, {.add_prefix = "a."}), "");
}

TEST(DiagnoseCause, IsAPartThatWasRenamed) {
  const State state = net_state()
                          .without("head.weight")
                          .without("head.bias")
                          .tensor("classifier.weight", {1, 2})
                          .tensor("classifier.bias");
  EXPECT_EQ(diagnosis(net(), state),
            "Likely cause: a part of the model was renamed: \"classifier\" in the file is \"head\" "
            "in the model. Try options.renames = {{\"classifier\", \"head\"}}.");
}

TEST(DiagnoseCause, IsThePartOfMostNames) {
  const ModuleSpec module =
      lone_module({{"head.weight", {1}}, {"head.bias", {1}}, {"neck.scale", {1}}});
  const State state =
      State().tensor("classifier.weight").tensor("classifier.bias").tensor("throat.scale");
  EXPECT_NE(diagnosis(module, state).find("\"classifier\" in the file is \"head\" in the model"),
            std::string::npos);
}

TEST(DiagnoseCause, IsWhatTheShapesSay) {
  using Entries = std::vector<ModuleSpec::Entry>;
  const auto cause = [](const Entries& model, const State& state) {
    const std::string text = diagnosis(lone_module(model), state);
    const std::size_t end = text.find(". Try options.skip_mismatched_shapes");
    return text.substr(0, end).substr(std::string_view("Likely cause: ").size());
  };
  EXPECT_EQ(cause({{"fc", {2, 3}}}, State().tensor("fc", {3, 2})),
            "the weights were saved transposed");
  EXPECT_EQ(cause({{"pos_embed", {5, 2}}}, State().tensor("pos_embed", {7, 2})),
            "the saved model has 7 positions (sequence length), this one 5");
  EXPECT_EQ(cause({{"wte.weight", {5, 2}}, {"lm_head.weight", {5, 2}}},
                  State().tensor("wte.weight", {7, 2}).tensor("lm_head.weight", {7, 2})),
            "the saved model has 7 words (size of the vocabulary), this one 5");
  EXPECT_EQ(cause({{"weight", {5, 2}}, {"bias", {5}}},
                  State().tensor("weight", {7, 2}).tensor("bias", {7})),
            "the saved model has 7 outputs, this one 5 (number of classes)");
  EXPECT_EQ(cause({{"a.w", {5, 2}}, {"b.w", {5, 2}}},
                  State().tensor("a.w", {7, 2}).tensor("b.w", {7, 2})),
            "the model has the same layers in other sizes than the one that was saved (width)");
  const std::string layer(61, 'l');
  EXPECT_EQ(cause({{layer + ".w", {5}}}, State().tensor(layer + ".w", {7})),
            "the saved model has 7 outputs in \"" + layer.substr(1) +
                "...\", this one 5 (number of classes)");
}

TEST(DiagnoseNested, ShortensWhatIsTooLong) {
  const std::string key(201, 'k');
  EXPECT_NE(
      diagnosis(net(), State().value(key, "dict")).find("under \"" + key.substr(1) + "...\"."),
      std::string::npos);
  EXPECT_NE(diagnosis(net(), State().value(key.substr(1), "dict"))
                .find("under \"" + key.substr(1) + "\"."),
            std::string::npos);
}

// lm_head.weight is embed.weight, and the file has it once (safetensors, some training scripts).
TEST(DiagnoseCause, IsATiedParameterThatWasSavedOnce) {
  const ModuleSpec module =
      lone_module({{"embed", {4, 2}, 0}, {"other", {1}, 1}, {"lm_head", {4, 2}, 0}});
  const State state = State().tensor("embed", {4, 2}).tensor("other");
  EXPECT_EQ(diagnosis(module, state),
            "Likely cause: \"lm_head\" is the same parameter as \"embed\", which is in the file: "
            "tied parameters were saved once. Try options.accept_tied_names = true.");
  EXPECT_EQ(diagnosis(module, State().tensor("embed", {4, 2})).find("tied"), std::string::npos);
}

TEST(DiagnoseCause, IsAnOptimizersState) {
  const State state = State().value("state", "dict").value("param_groups", "list");
  EXPECT_TRUE(diagnosis(net(), state)
                  .starts_with("Likely cause: this is the state of an optimizer (its keys are "
                               "\"state\" and \"param_groups\"), not of a model."));
}

}  // namespace
}  // namespace hardload
