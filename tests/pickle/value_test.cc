// Value: each kind's accessors, and nothing from those of other kinds.

#include "loader/pickle/value.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

// The graph of the one value that `instructions` push.
ValueGraph graph_of(const std::string& instructions) {
  return testing::run(PickleBuilder().raw(instructions).stop(), {}, Unlisted::kKeepAsData,
                      Dialect::kLibTorch)
      .value();
}

struct Kind {
  ValueKind kind;
  std::string instructions;
  std::string_view type;
  std::string_view text;
  std::string bytes;
};

// One value of each kind.
std::vector<Kind> kinds() {
  using enum ValueKind;
  const std::string big = "\0\0\0\0\0\0\0\0\1"s;
  const std::string encoded = "c_codecs\nencode\nU\x02hiU\x06latin1\x86R";
  return {
      {kNone, "N", "NoneType", "", ""},
      {kBool, "\x88", "bool", "", ""},
      {kInt, "K\x05", "int", "", ""},
      {kBigInt, "\x8a\x09" + big, "int", "", big},
      {kFloat, "G?\xf8\0\0\0\0\0\0"s, "float", "", ""},
      {kComplex, "c__builtin__\ncomplex\nG?\xf8\0\0\0\0\0\0G\xc0\0\0\0\0\0\0\0\x86R"s, "complex",
       "", ""},
      {kString, "U\x02hi", "str", "hi", ""},
      {kBytes, encoded, "bytes", "", "hi"},
      {kByteArray, "c__builtin__\nbytearray\n" + encoded + "\x85R", "bytearray", "", "hi"},
      {kList, "]", "list", "", ""},
      {kTuple, "N\x85", "tuple", "", ""},
      {kSize, "ctorch\nSize\nK\x02\x85\x85R", "torch.Size", "", ""},
      {kSet, "\x8f", "set", "", ""},
      {kDict, "}", "dict", "", ""},
      {kOrderedDict, "ccollections\nOrderedDict\n)R", "collections.OrderedDict", "", ""},
      {kCounter, "ccollections\nCounter\n)R", "collections.Counter", "", ""},
      {kDtype, "ctorch\nfloat32\n", "torch.dtype", "float32", ""},
      {kQScheme, "ctorch\nper_tensor_affine\n", "torch.qscheme", "per_tensor_affine", ""},
      {kLayout, "ctorch.serialization\n_get_layout\nU\x0dtorch.strided\x85R", "torch.layout",
       "torch.strided", ""},
      {kDevice,
       "ctorch\ndevice\nU\x03"
       "cpu\x85R",
       "torch.device", "", ""},
      {kClass, "ctorch\nFloatStorage\n", "type", "torch\nFloatStorage", ""},
      {kInert, "cm\nn\n)R", "object", "", ""},
      {kScript, "c__torch__\nNet\n)\x81", "torch.ScriptObject", "", ""},
      {kTensor, "ctorch\nTensor\n)R", "torch.Tensor", "", ""},
      {kStorage, ")Q", "torch.storage.TypedStorage", "", ""},
  };
}

TEST(Value, HasAKindATypeATextAndBytes) {
  const auto all = kinds();
  EXPECT_EQ(all.size(), static_cast<std::size_t>(ValueKind::kStorage) + 1);
  for (const Kind& expected : all) {
    const ValueGraph graph = graph_of(expected.instructions);
    const Value value(graph, graph.root);
    EXPECT_EQ(value.kind(), expected.kind) << expected.type;
    EXPECT_EQ(python_type_name(value.kind()), expected.type);
    EXPECT_EQ(value.text(), expected.text) << expected.type;
    EXPECT_EQ(testing::text_of(value.bytes()), expected.bytes) << expected.type;
  }
}

TEST(Value, GivesScalarsOfTheirKindOnly) {
  using enum ValueKind;
  for (const Kind& expected : kinds()) {
    const ValueGraph graph = graph_of(expected.instructions);
    const Value value(graph, graph.root);
    const ValueKind kind = expected.kind;
    EXPECT_EQ(value.as_bool().has_value(), kind == kBool) << expected.type;
    EXPECT_EQ(value.as_int().has_value(), kind == kBool || kind == kInt) << expected.type;
    EXPECT_EQ(value.as_float().has_value(), kind == kBool || kind == kInt || kind == kFloat)
        << expected.type;
    EXPECT_EQ(value.as_string().has_value(), kind == kString) << expected.type;
    // A script object is one as soon as it has attributes.
    EXPECT_EQ(value.is_mapping(), kind == kDict || kind == kOrderedDict || kind == kCounter)
        << expected.type;
    EXPECT_EQ(value.is_sequence(), kind == kList || kind == kTuple || kind == kSize)
        << expected.type;
    if (!value.is_mapping()) {
      EXPECT_FALSE(value.find("a")) << expected.type;
      EXPECT_FALSE(value.attributes()) << expected.type;
    }
  }
}

// The root of a pickle, together with what it lies in.
struct Root {
  explicit Root(const std::string& instructions) : graph(graph_of(instructions)) {}
  Value operator*() const { return Value(graph, graph.root); }
  ValueGraph graph;
};

TEST(Value, Scalars) {
  EXPECT_EQ((*Root("\x88")).as_bool(), true);
  EXPECT_EQ((*Root("\x89")).as_bool(), false);
  EXPECT_EQ((*Root("\x88")).as_int(), 1);
  EXPECT_EQ((*Root("\x89")).as_float(), 0.0);
  EXPECT_EQ((*Root("J\xfe\xff\xff\xff")).as_int(), -2);
  EXPECT_EQ((*Root("J\xfe\xff\xff\xff")).as_float(), -2.0);
  EXPECT_EQ((*Root("\x8a\x08\0\0\0\0\0\0\0\x80"s)).as_int(),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ((*Root("G?\xf8\0\0\0\0\0\0"s)).as_float(), 1.5);
  const Root text(
      "U\x03"
      "a\0b"s);
  EXPECT_EQ((*text).as_string(), "a\0b"s);
}

TEST(Value, Complex) {
  const Root root("c__builtin__\ncomplex\nG?\xf8\0\0\0\0\0\0G\xc0\0\0\0\0\0\0\0\x86R"s);
  EXPECT_EQ((*root).real(), 1.5);
  EXPECT_EQ((*root).imaginary(), -2.0);
}

TEST(Value, Sequences) {
  for (const std::string& instructions : {"](K\x07K\x08"
                                          "e"s,
                                          "K\x07K\x08\x86"s, "ctorch\nSize\nK\x07K\x08\x86\x85R"s,
                                          "c__builtin__\nset\nK\x07K\x08\x86\x85R"s}) {
    const Root root(instructions);
    ASSERT_EQ((*root).size(), 2u) << instructions;
    EXPECT_EQ((*root).item(0).as_int(), 7);
    EXPECT_EQ((*root).item(1).as_int(), 8);
  }
  for (const std::string& instructions : {"]"s, ")"s, "\x8f"s}) {
    EXPECT_EQ((*Root(instructions)).size(), 0u);
  }
}

TEST(Value, Device) {
  const Root root(
      "ctorch\ndevice\nU\x04"
      "cudaK\x03\x86R");
  EXPECT_EQ((*root).item(0).as_string(), "cuda");
  EXPECT_EQ((*root).item(1).as_int(), 3);
}

TEST(Value, Mappings) {
  const std::string entries =
      "(U\x01"
      "aK\x07K\x01K\x08U\x01"
      "bNu";
  for (const std::string& start :
       {"}"s, "ccollections\nOrderedDict\n)R"s, "ccollections\nCounter\n)R"s}) {
    const Root root(start + entries);
    const Value value = *root;
    ASSERT_EQ(value.size(), 3u) << start;
    EXPECT_EQ(value.key(0).as_string(), "a");
    EXPECT_EQ(value.item(0).as_int(), 7);
    EXPECT_EQ(value.key(1).as_int(), 1);
    EXPECT_EQ(value.item(1).as_int(), 8);
    EXPECT_EQ(value.key(2).as_string(), "b");
    EXPECT_EQ(value.item(2).kind(), ValueKind::kNone);
  }
}

TEST(Value, FindTakesStringKeysOnly) {
  const Root root(
      "}(U\x01"
      "1K\x07K\x01K\x08"
      "ctorch\nint8\nK\x09U\0K\x0au"s);
  EXPECT_EQ((*root).find("1")->as_int(), 7);
  EXPECT_EQ((*root).find("")->as_int(), 10);
  EXPECT_FALSE((*root).find("int8"));
  EXPECT_FALSE((*root).find("2"));
  EXPECT_FALSE((*root).find("1 "));
  EXPECT_FALSE((*Root("}")).find(""));
}

TEST(Value, Attributes) {
  const std::string ordered_dict = "ccollections\nOrderedDict\n)R";
  const Root root(ordered_dict + "}U\x09_metadataK\x05sb");
  ASSERT_TRUE((*root).attributes());
  EXPECT_EQ((*root).attributes()->find("_metadata")->as_int(), 5);
  EXPECT_FALSE((*Root(ordered_dict)).attributes());
  EXPECT_FALSE((*Root("}")).attributes());
}

TEST(Value, IdentityTellsContainersApart) {
  const Root root("(]q\0h\0]}}t"s);
  EXPECT_EQ((*root).item(0).identity(), (*root).item(1).identity());
  EXPECT_NE((*root).item(0).identity(), (*root).item(2).identity());
  EXPECT_NE((*root).item(3).identity(), (*root).item(4).identity());
}

TEST(Value, NumberIsWhatTheManifestResolved) {
  Root root("ctorch\nTensor\n)R");
  root.graph.calls[0].resolved = 42;
  EXPECT_EQ((*root).number(), 42u);
}

}  // namespace
}  // namespace hardload
