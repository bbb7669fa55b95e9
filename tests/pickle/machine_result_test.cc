// The pickle machine on valid pickles: each instruction leaves what Python's pickle makes of it.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;
using testing::result_of;

struct Case {
  std::string name;
  std::string instructions;  // between PROTO and STOP
  std::string result;
};

void expect_results(const std::vector<Case>& cases) {
  for (const auto& [name, instructions, result] : cases) {
    EXPECT_EQ(result_of(PickleBuilder().raw(instructions).stop()), result) << name;
  }
}

TEST(MachineResult, Scalars) {
  expect_results({
      {"NONE", "N", "None"},
      {"NEWTRUE", "\x88", "True"},
      {"NEWFALSE", "\x89", "False"},
      {"BININT1", "K\x00"s, "0"},
      {"BININT1 of all bits", "K\xff", "255"},
      {"BININT2", "M\x01\x02", "513"},
      {"BININT2 of all bits", "M\xff\xff", "65535"},
      {"BININT", "J\x01\x02\x03\x04", "67305985"},
      {"BININT of all bits", "J\xff\xff\xff\xff", "-1"},
      {"BININT, least", "J\x00\x00\x00\x80"s, "-2147483648"},
      {"BINFLOAT", "G\x3f\xf8\x00\x00\x00\x00\x00\x00"s, "1.5"},
      {"BINFLOAT, negative", "G\xc0\x00\x00\x00\x00\x00\x00\x00"s, "-2.0"},
      {"BINFLOAT, negative zero", "G\x80\x00\x00\x00\x00\x00\x00\x00"s, "-0.0"},
      {"BINFLOAT, infinite", "G\x7f\xf0\x00\x00\x00\x00\x00\x00"s, "inf"},
      {"BINFLOAT, least", "G\x00\x00\x00\x00\x00\x00\x00\x01"s, "5e-324"},
  });
}

TEST(MachineResult, FloatKeepsTheBitsOfANan) {
  const auto graph = testing::run(PickleBuilder().raw("G\x7f\xf4\x00\x00\x00\x00\x12\x34"s).stop());
  ASSERT_OK(graph);
  EXPECT_EQ(graph->root.kind, ValueKind::kFloat);
  EXPECT_EQ(graph->root.payload, 0x7ff4000000001234u);
}

TEST(MachineResult, Strings) {
  expect_results({
      {"BINUNICODE",
       "X\x03\x00\x00\x00"
       "abc"s,
       "'abc'"},
      {"BINUNICODE, empty", "X\x00\x00\x00\x00"s, "''"},
      {"BINUNICODE with an end of pickle",
       "X\x02\x00\x00\x00"
       ".\x00"s,
       "'.\x00'"s},
      {"BINUNICODE of two to four bytes", "X\x09\x00\x00\x00\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5"s,
       "'\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5'"},
      // P14: Python writes a lone surrogate so.
      {"BINUNICODE, lone surrogate", "X\x03\x00\x00\x00\xed\xa0\x80"s, "'\xed\xa0\x80'"},
      {"BINUNICODE, last lone surrogate", "X\x03\x00\x00\x00\xed\xbf\xbf"s, "'\xed\xbf\xbf'"},
      {"BINSTRING", "T\x02\x00\x00\x00hi"s, "'hi'"},
      {"BINSTRING, empty", "T\x00\x00\x00\x00"s, "''"},
      {"SHORT_BINSTRING", "U\x02hi", "'hi'"},
      {"SHORT_BINSTRING, longest", "U\xff" + std::string(255, 'x'),
       "'" + std::string(255, 'x') + "'"},
      {"BINUNICODE over 255 bytes", "X\x2c\x01\x00\x00"s + std::string(300, 'y'),
       "'" + std::string(300, 'y') + "'"},
  });
}

TEST(MachineResult, Tuples) {
  expect_results({
      {"EMPTY_TUPLE", ")", "()"},
      {"TUPLE1", "K\x01\x85", "(1,)"},
      {"TUPLE2", "K\x01K\x02\x86", "(1, 2)"},
      {"TUPLE3", "K\x01K\x02K\x03\x87", "(1, 2, 3)"},
      {"TUPLE of none", "(t", "()"},
      {"TUPLE of one", "(K\x01t", "(1,)"},
      {"TUPLE of four", "(K\x01K\x02K\x03K\x04t", "(1, 2, 3, 4)"},
      {"tuples in a tuple", "(K\x01(K\x02tK\x03\x85t", "(1, (2,), (3,))"},
      {"values below stay", "K\x09K\x01K\x02\x86\x86", "(9, (1, 2))"},
  });
}

TEST(MachineResult, ListsSetsAndDicts) {
  expect_results({
      {"EMPTY_LIST", "]", "[]"},
      {"APPEND",
       "]K\x01"
       "aK\x02"
       "a",
       "[1, 2]"},
      {"APPENDS",
       "](K\x01K\x02K\x03"
       "e",
       "[1, 2, 3]"},
      {"APPENDS of none", "](e", "[]"},
      {"APPEND to the list that is last", "]]a", "[[]]"},
      {"EMPTY_DICT", "}", "{}"},
      {"SETITEM", "}K\x01Ns", "{1: None}"},
      {"SETITEMS", "}(K\x01NK\x02\x88u", "{1: None, 2: True}"},
      {"SETITEMS of none", "}(u", "{}"},
      {"SETITEM, then SETITEMS", "}K\x02Ns(K\x01Nu", "{2: None, 1: None}"},
      {"EMPTY_SET", "\x8f", "set()"},
  });
}

TEST(MachineResult, StackInstructions) {
  expect_results({
      {"POP of a value",
       "K\x01K\x02"
       "0",
       "1"},
      {"POP of a mark", "K\x01(0", "1"},
      {"POP_MARK",
       "K\x01(K\x02K\x03"
       "1",
       "1"},
      {"POP_MARK of none", "K\x01(1", "1"},
      {"inner mark first", "((K\x01tK\x02t", "((1,), 2)"},
      // Python writes these for (1, [<the tuple itself>]) and for longer tuples of that kind.
      {"tuple that contains itself, short",
       "K\x01]q\x00K\x01h\x00\x86q\x01"
       "a00h\x01"s,
       "(1, [(1, ...)])"},
      {"tuple that contains itself, long",
       "(K\x01K\x02K\x03]q\x00(K\x01K\x02K\x03h\x00tq\x01"
       "a1h\x01"s,
       "(1, 2, 3, [(1, 2, 3, ...)])"},
  });
}

TEST(MachineResult, Calls) {
  const std::string ordered_dict = "ccollections\nOrderedDict\n";
  expect_results({
      {"GLOBAL of a class", "ctorch\nFloatTensor\n", "<class torch.FloatTensor>"},
      {"GLOBAL of a dtype", "ctorch\nbfloat16\n", "torch.bfloat16"},
      {"GLOBAL of a dtype below a byte", "ctorch\nuint4\n", "torch.uint4"},
      {"GLOBAL of a qscheme", "ctorch\nper_tensor_affine\n", "torch.per_tensor_affine"},
      {"REDUCE", ordered_dict + ")R", "OrderedDict({})"},
      {"NEWOBJ", ordered_dict + ")\x81", "OrderedDict({})"},
      // P28
      {"BUILD of an OrderedDict", ordered_dict + ")R}X\x09\x00\x00\x00_metadata"s + "}sb",
       "OrderedDict({}) with {'_metadata': {}}"},
      {"SETITEM of an OrderedDict", ordered_dict + ")RK\x01Ns", "OrderedDict({1: None})"},
      {"SETITEMS of a Counter", "ccollections\nCounter\n)R(K\x01K\x02u", "Counter({1: 2})"},
      {"BINPERSID", "K\x01\x85Q", "<storage>"},
      {"REDUCE to a tensor", "ctorch._utils\n_rebuild_tensor\n)R", "<tensor>"},
  });
}

TEST(MachineResult, BuildMarksATensor) {
  const auto graph =
      testing::run(PickleBuilder().global("torch", "FloatTensor").raw(")\x81Nb").stop());
  ASSERT_OK(graph);
  ASSERT_EQ(graph->calls.size(), 1u);
  EXPECT_EQ(graph->calls[0].constructor, Constructor::kTensorClass);
  EXPECT_TRUE(graph->calls[0].has_state);
}

TEST(MachineResult, PersistentIdKeepsItsArguments) {
  const auto graph = testing::run(PickleBuilder().storage("HalfStorage", "17", 3, "cuda:1").stop());
  ASSERT_OK(graph);
  EXPECT_EQ(graph->root.kind, ValueKind::kStorage);
  ASSERT_EQ(graph->calls.size(), 1u);
  EXPECT_EQ(testing::show(Value(*graph, graph->calls[0].arguments)),
            "('storage', <class torch.HalfStorage>, '17', 'cuda:1', 3)");
}

}  // namespace
}  // namespace hardload
