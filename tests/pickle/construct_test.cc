// construct: what each listed constructor makes, and which arguments it refuses.

#include "loader/pickle/construct.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

// The arguments that `instructions` push, as they stand on the stack of a pickle.
class Arguments {
 public:
  explicit Arguments(const std::string& instructions)
      : graph_(testing::run(PickleBuilder().mark().raw(instructions).tuple().stop()).value()) {}

  std::string construct(Constructor constructor) {
    return show(hardload::construct(graph_, constructor, graph_.root));
  }
  std::string construct_new(Constructor constructor) {
    return show(hardload::construct_new(graph_, constructor, graph_.root));
  }

 private:
  std::string show(const Result<Slot>& made) const {
    if (made.ok()) return testing::show(Value(graph_, *made));
    EXPECT_EQ(made.error().stage(), Stage::kPickle);
    return concat(to_string(made.error().kind()), ": ", made.error().problem());
  }

  ValueGraph graph_;
};

std::string construct(Constructor constructor, const std::string& arguments) {
  return Arguments(arguments).construct(constructor);
}

// Some values that no constructor takes in some place; each pushes one.
const std::string kNone = "N", kInt = "K\x02", kFloat = "G?\xf0\0\0\0\0\0\0"s, kText = "U\x02hi",
                  kTuple = "N\x85", kEmptyList = "]", kDict = "}", kSet = "\x8f",
                  kBigInt = "\x8a\x09\0\0\0\0\0\0\0\0\1"s, kDtype = "ctorch\nint8\n",
                  kTrue = "\x88", kLatin1 = "U\x06latin1",
                  kBytes = "c_codecs\nencode\nU\x02hiU\x06latin1\x86R",
                  kTensor = "ctorch\nTensor\n)R";

void expect_refused(Constructor constructor, const std::vector<std::string>& arguments,
                    std::string_view name) {
  for (const std::string& bad : arguments) {
    EXPECT_EQ(construct(constructor, bad),
              concat("Pickle: ", name, " is called with arguments that torch.save does not write"))
        << bad;
  }
}

TEST(Construct, OrderedDict) {
  EXPECT_EQ(construct(Constructor::kOrderedDict, ""), "OrderedDict({})");
  EXPECT_EQ(construct(Constructor::kOrderedDict, kEmptyList), "OrderedDict({})");
  // Python 2: pairs, as lists.
  EXPECT_EQ(construct(Constructor::kOrderedDict,
                      "](](K\x01Ne](K\x02\x88"
                      "ee"),
            "OrderedDict({1: None, 2: True})");
  EXPECT_EQ(construct(Constructor::kOrderedDict, "(K\x01N\x86t"), "OrderedDict({1: None})");
  expect_refused(Constructor::kOrderedDict,
                 {kNone, kInt, kDict, kSet, kText, kTuple, "](Ne",
                  "](N\x85"
                  "e",
                  "](NNN\x87"
                  "e",
                  "](U\x02xye", kEmptyList + kEmptyList},
                 "OrderedDict");
}

TEST(Construct, Counter) {
  EXPECT_EQ(construct(Constructor::kCounter, ""), "Counter({})");
  EXPECT_EQ(construct(Constructor::kCounter, kDict), "Counter({})");
  EXPECT_EQ(construct(Constructor::kCounter,
                      "}(U\x01"
                      "aK\x03u"),
            "Counter({'a': 3})");
  expect_refused(
      Constructor::kCounter,
      {kNone, kEmptyList, kText, kInt, kTuple, kDict + kDict, "ccollections\nOrderedDict\n)R"},
      "Counter");
}

TEST(Construct, Set) {
  EXPECT_EQ(construct(Constructor::kSet, ""), "set()");
  EXPECT_EQ(construct(Constructor::kSet, kEmptyList), "set()");
  EXPECT_EQ(construct(Constructor::kSet,
                      "](K\x01K\x02"
                      "e"),
            "set(1, 2)");
  EXPECT_EQ(construct(Constructor::kSet, "K\x01K\x02\x86"), "set(1, 2)");
  expect_refused(Constructor::kSet, {kNone, kDict, kSet, kText, kInt, kEmptyList + kEmptyList},
                 "set");
}

TEST(Construct, CopiesAreIndependent) {
  // d = {1: None}; (Counter(d), d[2] = True) leaves the counter as it was.
  const auto graph = testing::run(
      PickleBuilder().raw("(ccollections\nCounter\n}q\x00K\x01Ns\x85Rh\x00K\x02\x88st"s).stop());
  ASSERT_OK(graph);
  EXPECT_EQ(testing::show(Value(*graph, graph->root)), "(Counter({1: None}), {1: None, 2: True})");
}

TEST(Construct, Bytes) {
  EXPECT_EQ(construct(Constructor::kBytes, ""), "b''");
  expect_refused(Constructor::kBytes, {kNone, kInt, kText, kBytes, kText + kLatin1, kEmptyList},
                 "bytes");
}

// G06
TEST(Construct, Encode) {
  EXPECT_EQ(construct(Constructor::kEncode, kText + kLatin1), "b'hi'");
  EXPECT_EQ(construct(Constructor::kEncode, kText + "U\x07latin-1"), "b'hi'");
  EXPECT_EQ(construct(Constructor::kEncode, "U\0"s + kLatin1), "b''");
  EXPECT_EQ(construct(Constructor::kEncode, "U\x05\0\xc3\xbf\xc2\x80"s + kLatin1),
            R"(b'\x00\xff\x80')");
  expect_refused(Constructor::kEncode,
                 {"", kText, kLatin1, kText + "U\x04zlib", kText + "U\x04idna",
                  kText + "U\x08punycode", kText + "U\x05utf-8", kText + "U\x06LATIN1",
                  kText + "U\x07latin1 ", kText + "U\x0blatin1\0zlib"s, kText + kNone,
                  kBytes + kLatin1, kInt + kLatin1, kText + kLatin1 + kLatin1,
                  "U\x02\xc4\x80" + kLatin1,  // U+0100
                  "U\x03\xed\xa0\x80" + kLatin1},
                 "_codecs.encode");
}

// G05
TEST(Construct, ByteArray) {
  EXPECT_EQ(construct(Constructor::kByteArray, ""), "bytearray(b'')");
  EXPECT_EQ(construct(Constructor::kByteArray, kBytes), "bytearray(b'hi')");
  EXPECT_EQ(construct(Constructor::kByteArray, kText + kLatin1), "bytearray(b'hi')");
  const std::string terabyte = "\x8a\x06\0\0\0\0\0\1"s;
  for (const std::string& bad :
       {terabyte, kInt, kNone, kText, kEmptyList, kTuple, kText + "U\x05utf-8", kBytes + kBytes}) {
    EXPECT_TRUE(construct(Constructor::kByteArray, bad).starts_with("Pickle: _codecs.encode is"));
  }
}

TEST(Construct, Complex) {
  EXPECT_EQ(construct(Constructor::kComplex, kFloat + "G\xc0\0\0\0\0\0\0\0"s),
            "complex(1.0, -2.0)");
  expect_refused(
      Constructor::kComplex,
      {"", kFloat, kFloat + kFloat + kFloat, kInt + kFloat, kFloat + kInt, kText + kFloat, kText},
      "complex");
}

// G05
TEST(Construct, Size) {
  EXPECT_EQ(construct(Constructor::kSize, "(t"), "torch.Size(())");
  EXPECT_EQ(construct(Constructor::kSize, "K\x02K\x03\x86"), "torch.Size((2, 3))");
  expect_refused(Constructor::kSize,
                 {"", kInt, kNone, kEmptyList, kTuple, kInt + kInt, kFloat + "\x85",
                  kBigInt + "\x85", kTrue + "\x85", "(t(t"},
                 "torch.Size");
}

TEST(Construct, Device) {
  EXPECT_EQ(construct(Constructor::kDevice,
                      "U\x03"
                      "cpu"),
            "device('cpu')");
  EXPECT_EQ(construct(Constructor::kDevice,
                      "U\x04"
                      "cudaK\x01"),
            "device('cuda', 1)");
  expect_refused(Constructor::kDevice,
                 {"", kInt, kNone, kText + kText, kText + kFloat, kText + kBigInt,
                  kText + kInt + kInt, kInt + kText},
                 "torch.device");
}

TEST(Construct, Layout) {
  EXPECT_EQ(construct(Constructor::kGetLayout, "U\x0dtorch.strided"), "torch.strided");
  EXPECT_EQ(construct(Constructor::kGetLayout, "U\x10torch.sparse_coo"), "torch.sparse_coo");
  expect_refused(Constructor::kGetLayout,
                 {"", kText, kInt, kNone, "U\x07strided", "U\x0dtorch.stridedN"}, "_get_layout");
}

TEST(Construct, TensorsAreNotedDown) {
  for (const Constructor constructor :
       {Constructor::kTensorClass, Constructor::kParameter, Constructor::kRebuildTensor,
        Constructor::kRebuildTensorV2, Constructor::kRebuildTensorV3,
        Constructor::kRebuildParameter, Constructor::kRebuildParameterWithState,
        Constructor::kRebuildSparseTensor, Constructor::kRebuildQTensor,
        Constructor::kRebuildMetaTensor, Constructor::kRebuildNestedTensor,
        Constructor::kRebuildWrapperSubclass, Constructor::kRebuildDeviceTensorFromNumpy,
        Constructor::kRebuildDeviceTensorFromCpuTensor, Constructor::kRebuildFromTypeV2}) {
    auto graph = testing::run(PickleBuilder().raw("K\x01U\x01x\x86").stop()).value();
    const auto made = construct(graph, constructor, graph.root);
    ASSERT_OK(made);
    EXPECT_EQ(made->kind, ValueKind::kTensor);
    ASSERT_EQ(graph.calls.size(), 1u);
    EXPECT_EQ(graph.calls[0].constructor, constructor);
    EXPECT_EQ(testing::show(Value(graph, graph.calls[0].arguments)), "(1, 'x')");
    EXPECT_FALSE(graph.calls[0].has_state);
    EXPECT_EQ(graph.calls[0].resolved, -1);
  }
}

TEST(ConstructNew, EmptyContainersAndOldTensors) {
  EXPECT_EQ(Arguments("").construct_new(Constructor::kOrderedDict), "OrderedDict({})");
  EXPECT_EQ(Arguments("").construct_new(Constructor::kCounter), "Counter({})");
  EXPECT_EQ(Arguments("").construct_new(Constructor::kSet), "set()");
  EXPECT_EQ(Arguments("").construct_new(Constructor::kTensorClass), "<tensor>");
  EXPECT_EQ(Arguments("").construct_new(Constructor::kParameter), "<tensor>");
  EXPECT_EQ(Arguments(kTensor).construct_new(Constructor::kParameter), "<tensor>");
}

TEST(ConstructNew, RefusesAllOthers) {
  const std::string refusal =
      "Pickle: NEWOBJ is used for something that torch.save does not make with it";
  for (int i = 0; i <= static_cast<int>(Constructor::kRebuildFromTypeV2); ++i) {
    const auto constructor = static_cast<Constructor>(i);
    const bool container = constructor == Constructor::kOrderedDict ||
                           constructor == Constructor::kCounter || constructor == Constructor::kSet;
    const bool tensor =
        constructor == Constructor::kTensorClass || constructor == Constructor::kParameter;
    if (tensor) continue;
    EXPECT_EQ(Arguments(kEmptyList).construct_new(constructor), refusal) << i;
    if (!container) {
      EXPECT_EQ(Arguments("").construct_new(constructor), refusal) << i;
    }
  }
}

}  // namespace
}  // namespace hardload
