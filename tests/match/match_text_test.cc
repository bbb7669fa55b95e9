// error_text is PyTorch's message, character for character. What is expected here was printed by
// torch 2.11 for the same modules and state dicts.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/escape.h"
#include "loader/match/error_text.h"
#include "loader/match/match.h"
#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::lone_module;
using testing::net;
using testing::net_state;
using testing::State;

std::string text_of(const State& state, bool strict = true, Quote quote = unquoted) {
  return error_text(match(net(), state.entries()), "Net", strict, quote);
}

// K09: missing, unexpected, of another shape and no tensor, all in one message.
const State& all_faults() {
  static const State state = State()
                                 .tensor("scale", {0, 0})
                                 .tensor("steps", {2})
                                 .tensor("body.0.bias", {5})
                                 .tensor("body.2.weight", {2, 5})
                                 .value("body.2.bias", "tuple")
                                 .tensor("head.weight", {4, 4})
                                 .tensor("head.bias", {1})
                                 .tensor("new");
  return state;
}

constexpr std::string_view kMismatches =
    "\n\tsize mismatch for scale: copying a param with shape torch.Size([0, 0]) from checkpoint, "
    "the shape in current model is torch.Size([1])."
    "\n\tsize mismatch for steps: copying a param with shape torch.Size([2]) from checkpoint, the "
    "shape in current model is torch.Size([])."
    "\n\tWhile copying the parameter named \"body.2.bias\", expected torch.Tensor or Tensor-like "
    "object from checkpoint but received <class 'tuple'>"
    "\n\tsize mismatch for head.weight: copying a param with shape torch.Size([4, 4]) from "
    "checkpoint, the shape in current model is torch.Size([1, 2]).";

TEST(ErrorText, OfAllFaults) {
  EXPECT_EQ(text_of(all_faults()),
            "Error(s) in loading state_dict for Net:"
            "\n\tMissing key(s) in state_dict: \"body.0.weight\". "
            "\n\tUnexpected key(s) in state_dict: \"new\". " +
                std::string(kMismatches));
}

TEST(ErrorText, OfAllFaultsWhenNotStrict) {
  EXPECT_EQ(text_of(all_faults(), /*strict=*/false),
            "Error(s) in loading state_dict for Net:" + std::string(kMismatches));
}

TEST(ErrorText, OfMissingKeys) {
  EXPECT_EQ(text_of(State()),
            "Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: \"scale\", "
            "\"steps\", \"body.0.weight\", \"body.0.bias\", \"body.2.weight\", \"body.2.bias\", "
            "\"head.weight\", \"head.bias\". ");
}

TEST(ErrorText, OfUnexpectedKeys) {
  EXPECT_EQ(text_of(net_state().tensor("head.x").tensor("a")),
            "Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: \"a\", "
            "\"head.x\". ");
}

TEST(ErrorText, OfAPrefix) {
  EXPECT_EQ(text_of(net_state().prefixed("module.")),
            "Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: \"scale\", "
            "\"steps\", \"body.0.weight\", \"body.0.bias\", \"body.2.weight\", \"body.2.bias\", "
            "\"head.weight\", \"head.bias\". \n\tUnexpected key(s) in state_dict: "
            "\"module.scale\", \"module.steps\", \"module.body.0.weight\", \"module.body.0.bias\", "
            "\"module.body.2.weight\", \"module.body.2.bias\", \"module.head.weight\", "
            "\"module.head.bias\". ");
}

TEST(ErrorText, OfValuesThatAreNoTensors) {
  for (const std::string type : {"int", "str", "NoneType", "list", "dict", "tuple", "float", "bool",
                                 "collections.OrderedDict"}) {
    EXPECT_EQ(text_of(net_state().without("body.0.weight").value("body.0.weight", type)),
              "Error(s) in loading state_dict for Net:\n\tWhile copying the parameter named "
              "\"body.0.weight\", expected torch.Tensor or Tensor-like object from checkpoint but "
              "received <class '" +
                  type + "'>");
  }
}

TEST(ErrorText, PutsNothingBetweenOddKeysAndTheirQuotes) {
  EXPECT_EQ(text_of(net_state().tensor("a\"b\n\x1b")),
            "Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: "
            "\"a\"b\n\x1b\". ");
}

// K04
TEST(ErrorText, QuotesWhatComesFromTheFile) {
  const ModuleSpec module = lone_module({{"a\x1b", {1}}, {"b\x1b", {1}}, {"c\x1b", {1}}});
  const State state =
      State().tensor("a\x1b", {2}).value("b\x1b", "int").tensor("d\x1b").tensor("\u202e");
  EXPECT_EQ(error_text(match(module, state.entries()), "Net", true, escape_for_display),
            "Error(s) in loading state_dict for Net:"
            "\n\tMissing key(s) in state_dict: \"c\\x1b\". "
            "\n\tUnexpected key(s) in state_dict: \"d\\x1b\", \"\\u{202e}\". "
            "\n\tsize mismatch for a\\x1b: copying a param with shape torch.Size([2]) from "
            "checkpoint, the shape in current model is torch.Size([1])."
            "\n\tWhile copying the parameter named \"b\\x1b\", expected torch.Tensor or "
            "Tensor-like object from checkpoint but received <class 'int'>");
}

TEST(ErrorText, NamesTheClassAsItIsGiven) {
  EXPECT_TRUE(error_text(match(net(), {}), "a::B<int>", true, unquoted)
                  .starts_with("Error(s) in loading state_dict for a::B<int>:\n"));
}

TEST(SizeText, IsPythons) {
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(size_text(Shape{}), "torch.Size([])");
  EXPECT_EQ(size_text(Shape{3}), "torch.Size([3])");
  EXPECT_EQ(size_text(Shape{2, 0, 5}), "torch.Size([2, 0, 5])");
  EXPECT_EQ(size_text(Shape{std::int64_t{1} << 62}), "torch.Size([4611686018427387904])");
}

// Printed by Python 3.11.
TEST(PythonRepr, IsPythons) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "''"},
      {"plain \xc3\xa9", "'plain \xc3\xa9'"},
      {"it's", "\"it's\""},
      {"a \"b\"", "'a \"b\"'"},
      {"it's \"b\"", "'it\\'s \"b\"'"},
      {"\\", "'\\\\'"},
      {"a\nb\rc\td", "'a\\nb\\rc\\td'"},
      {"\x01\x1b\x1f\x7f", "'\\x01\\x1b\\x1f\\x7f'"},
      {{"\0", 1}, "'\\x00'"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(python_repr(text), expected);
}

// torch.Tensor.copy_ of a shape that fits, as Module._load_from_state_dict tells it.
TEST(ErrorText, OfWhatCopyingThrew) {
  MatchReport report;
  report.mismatches.push_back({.key = "w", .type = "", .saved = {2}, .model = {2, 1}});
  report.mismatches[0].exception = "no 'quint8'\n";
  EXPECT_EQ(error_text(report, "Net", true, unquoted),
            "Error(s) in loading state_dict for Net:\n\tWhile copying the parameter named \"w\", "
            "whose dimensions in the model are torch.Size([2, 1]) and whose dimensions in the "
            "checkpoint are torch.Size([2]), an exception occurred : (\"no 'quint8'\\n\",).");
}

// A file of a million keys, or of a key of a megabyte, is no reason for a message of that size.
TEST(ErrorText, LeavesOutWhatIsTooMuch) {
  const State state = net_state()
                          .tensor("scale2")
                          .tensor("steps22")
                          .without("scale")
                          .without("steps")
                          .tensor("scale", {3})
                          .tensor("steps", {4});
  EXPECT_EQ(error_text(match(net(), state.entries()), "Net", true, unquoted, {1, 4}),
            "Error(s) in loading state_dict for Net:"
            "\n\tUnexpected key(s) in state_dict: \"scal... 2 more bytes\", ... 1 more. "
            "\n\tsize mismatch for scal... 1 more bytes: copying a param with shape "
            "torch.Size([3]) from checkpoint, the shape in current model is torch.Size([1])."
            "\n\t... 1 more");
}

}  // namespace
}  // namespace hardload
