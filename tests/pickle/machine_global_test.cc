// Names in a pickle: how a GLOBAL is read, and that what is not in the table is told, all of it.

#include <string>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;
using testing::result_of;

std::string pickle(const std::string& instructions) {
  return PickleBuilder().raw(instructions).stop();
}

// P15
TEST(MachineGlobal, RefusesANameWithoutEnd) {
  EXPECT_REFUSED(pickle("c"), ErrorKind::kPickle, 2, "a global's name has no end");
  EXPECT_REFUSED(pickle("ctorch"), ErrorKind::kPickle, 2, "a global's name has no end");
  EXPECT_REFUSED(pickle("ctorch\n"), ErrorKind::kPickle, 2, "a global's name has no end");
  EXPECT_REFUSED(pickle("Nctorch\nfloat32"), ErrorKind::kPickle, 3, "a global's name has no end");
  EXPECT_EQ(result_of(pickle("ctorch\nfloat32\n")), "torch.float32");
}

// P15
TEST(MachineGlobal, RefusesALongName) {
  const Limits limits = {.max_global_bytes = 14};
  EXPECT_EQ(result_of(pickle("ctorch\nfloat32\n"), limits), "torch.float32");
  EXPECT_REFUSED(pickle("ctorch\nbfloat16\n"), ErrorKind::kLimit, 2, "max_global_bytes, 14",
                 limits);
  EXPECT_REFUSED(pickle("c" + std::string(1 << 20, 'm') + "\nn\n"), ErrorKind::kLimit, 2,
                 "a global's name is longer than max_global_bytes, 1024");
  EXPECT_REFUSED(pickle("ctorch\n" + std::string(1 << 20, 'n') + "\n"), ErrorKind::kLimit, 2,
                 "max_global_bytes");
}

// P14, P15
TEST(MachineGlobal, RefusesANameThatIsNoText) {
  for (const std::string bytes : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82"}) {
    EXPECT_REFUSED(pickle("c" + bytes + "\nx\n"), ErrorKind::kPickle, 2, "is not UTF-8");
    EXPECT_REFUSED(pickle("cx\n" + bytes + "\n"), ErrorKind::kPickle, 2, "is not UTF-8");
  }
}

// P15, G01, G07: near misses of listed names, and names that hide something.
TEST(MachineGlobal, RefusesAnyOtherName) {
  for (const std::string name : {
           "os\nsystem",
           "builtins\neval",
           "builtins\ngetattr",
           "nt\nsystem",
           "torch\nload",
           "torch\nFloatStorage ",
           " torch\nFloatStorage",
           "torch\nfloatStorage",
           "torch\nFloatStorage\r",
           "torch\r\nFloatStorage",
           "\nFloatStorage",
           "torch\n",
           "\n",
           "torch\nFloat\xe2\x80\x8bStorage",
           "t\xce\xbfrch\nFloatStorage",
       }) {
    const auto graph = testing::run(pickle("c" + name + "\n"));
    EXPECT_ERROR(graph, ErrorKind::kGlobal, "is not plain data") << name;
  }
  EXPECT_ERROR(testing::run(pickle("ctorch\nFloatStorage\0\n"s)), ErrorKind::kGlobal);
  EXPECT_ERROR(testing::run(pickle("ctorch\0.x\nFloatStorage\n"s)), ErrorKind::kGlobal);
}

// P14
TEST(MachineString, RefusesWhatIsNotUtf8) {
  for (const std::string bytes :
       {"\x80", "\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80",
        "a\xe2\x82", "\xc3(", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_REFUSED(PickleBuilder().text(bytes).stop(), ErrorKind::kPickle, 2,
                   "a string is not UTF-8");
    const char length = static_cast<char>(bytes.size());
    EXPECT_REFUSED(PickleBuilder().none().op('U').op(length).raw(bytes).stop(), ErrorKind::kPickle,
                   3, "a string is not UTF-8");
  }
  EXPECT_EQ(result_of(PickleBuilder().text("\xf4\x8f\xbf\xbf").stop()), "'\xf4\x8f\xbf\xbf'");
}

// G15
TEST(MachineGlobal, ListsAllUnlistedNamesInOneError) {
  const auto graph = testing::run(PickleBuilder()
                                      .empty_dict()
                                      .mark()
                                      .text("a")
                                      .global("os", "system")
                                      .text("x")
                                      .op('\x85')
                                      .reduce()
                                      .text("b")
                                      .global("numpy.core.multiarray", "scalar")
                                      .text("c")
                                      .global("torch", "FloatStorage")
                                      .text("d")
                                      .global("os", "system")
                                      .text("e")
                                      .global("my.module", "Thing")
                                      .op('u')
                                      .stop());
  ASSERT_TRUE(testing::is_error(graph, ErrorKind::kGlobal,
                                "the file names what is not plain data: my.module.Thing, "
                                "numpy.core.multiarray.scalar, os.system"));
  EXPECT_EQ(graph.error().problem().find("FloatStorage"), std::string::npos);
  EXPECT_EQ(graph.error().problem().find("whole pickled object"), std::string::npos);
  EXPECT_EQ(graph.error().record(), testing::kRecord);
}

// G15
TEST(MachineGlobal, NamesTheClassOfAWholePickledObject) {
  const std::string state =
      PickleBuilder("").empty_dict().text("w").global("torch._C", "_x").op('s').bytes();
  for (const std::string& build : {")\x81" + state + "b", ")R" + state + "b"}) {
    EXPECT_ERROR(testing::run(PickleBuilder().global("my.net", "Net").raw(build).stop()),
                 ErrorKind::kGlobal,
                 "this is a whole pickled object (my.net.Net), not a state dict, and the "
                 "file names what is not plain data: my.net.Net, torch._C._x");
  }
}

// G01, G18: whatever is done with an unlisted name, the pickle is read to its end and refused.
TEST(MachineGlobal, EverythingMadeOfAnUnlistedNameIsRefused) {
  const std::string bad = "cbad\nName\n";
  for (const std::string& use : {
           bad,
           bad + ")R",
           bad + ")\x81",
           bad + "NR",
           bad + ")R}b",
           bad + "}b",
           bad + "Na",
           bad + "(NNe",
           bad + "NNs",
           bad + "(NNu",
           bad + "(NNNu",
           bad + "q\x05"
                 "0h\x05",
           "]" + bad + "a",
           "}" + bad + "Ns",
           "}N" + bad + "s",
           bad + "\x85",
           bad + "\x85Q",
           bad + "0N",
           "ctorch._utils\n_rebuild_tensor\n" + bad + "\x85R",
           "ctorch._utils\n_rebuild_tensor\n)R" + bad + "b",
       }) {
    EXPECT_REFUSED(pickle(use), ErrorKind::kGlobal, 2 + use.size(), "bad.Name");
  }
}

// G08
TEST(MachineGlobal, TakesPython2sNameOfBuiltins) {
  EXPECT_EQ(result_of(pickle("c__builtin__\nset\n)R")), "set()");
  EXPECT_EQ(result_of(pickle("cbuiltins\nset\n)R")), "set()");
  EXPECT_ERROR(testing::run(pickle("c__builtin__\neval\n")), ErrorKind::kGlobal, "builtins.eval");
  EXPECT_ERROR(testing::run(pickle("ccopy_reg\n_reconstructor\n")), ErrorKind::kGlobal,
               ": copyreg._reconstructor");
}

}  // namespace
}  // namespace hardload
