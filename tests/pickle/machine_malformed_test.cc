// The pickle machine on malformed pickles: refused at the instruction that is wrong.

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/escape.h"
#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;
using testing::result_of;

struct Case {
  std::string before;       // valid instructions, between PROTO and the one that is refused
  std::string instruction;  // refused
  std::string_view part;    // of the message
};

void expect_refused(const std::vector<Case>& cases) {
  for (const auto& [before, instruction, part] : cases) {
    const std::string pickle = PickleBuilder().raw(before).raw(instruction).stop();
    EXPECT_REFUSED(pickle, ErrorKind::kPickle, 2 + before.size(), part)
        << escape_for_display(before + instruction);
  }
}

// P02
TEST(MachineProtocol, IsTwoAndFirst) {
  EXPECT_EQ(result_of("\x80\x02N."), "None");
  EXPECT_REFUSED("", ErrorKind::kPickle, 0, "does not begin with its protocol");
  EXPECT_REFUSED("\x80", ErrorKind::kPickle, 0, "does not begin with its protocol");
  EXPECT_REFUSED("N.", ErrorKind::kPickle, 0, "does not begin with its protocol");
  EXPECT_REFUSED(".", ErrorKind::kPickle, 0, "does not begin with its protocol");
  EXPECT_REFUSED("\x80\x02\x80\x02N.", ErrorKind::kPickle, 2, "the protocol is set twice");
  EXPECT_REFUSED("\x80\x02N\x80\x02.", ErrorKind::kPickle, 3, "the protocol is set twice");
}

// P02
TEST(MachineProtocol, OfAnyOtherNumberIsUnsupported) {
  for (int protocol = 0; protocol < 256; ++protocol) {
    if (protocol == 2) continue;
    const std::string pickle = "\x80"s + static_cast<char>(protocol) + "N.";
    EXPECT_REFUSED(pickle, ErrorKind::kUnsupported, 0,
                   concat("protocol ", protocol, ", torch.save writes protocol 2"));
  }
}

// P03, P13, P16, P17: FRAME, STACK_GLOBAL, EXT, INST, OBJ, NEWOBJ_EX, the text instructions of
// protocol 0, and all bytes that mean nothing to Python either.
TEST(MachineOpcode, OthersThanTorchSavesAreRefused) {
  constexpr std::string_view kKnown =
      "(.01JKMNQRTUXabceGhjqrstu])}\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8f";
  int refused = 0;
  for (int code = 0; code < 256; ++code) {
    const char byte = static_cast<char>(code);
    const std::string pickle = PickleBuilder().none().op(byte).raw(std::string(8, '\0')).stop();
    const std::string message = concat("byte ", code, " is no instruction of a torch.save pickle");
    if (kKnown.find(byte) == kKnown.npos) {
      EXPECT_REFUSED(pickle, ErrorKind::kPickle, 3, message);
      ++refused;
    } else {
      EXPECT_EQ(result_of(pickle).find(message), std::string::npos) << code;
    }
  }
  EXPECT_EQ(refused, 256 - 38);
}

// P04: each instruction that takes values from the stack, with one too few.
TEST(MachineStack, RefusesToTakeWhatIsNotThere) {
  const Case cases[] = {
      {"", "\x85", "too few values"},    // TUPLE1
      {"N", "\x86", "too few values"},   // TUPLE2
      {"NN", "\x87", "too few values"},  // TUPLE3
      {"", "R", "too few values"},       // REDUCE
      {")", "R", "too few values"},
      {"", "\x81", "too few values"},  // NEWOBJ
      {")", "\x81", "too few values"},
      {"", "b", "too few values"},  // BUILD
      {"}", "b", "too few values"},
      {"", "a", "too few values"},  // APPEND
      {"]", "a", "too few values"},
      {"(", "e", "too few values"},  // APPENDS
      {"(N", "e", "too few values"},
      {"", "s", "too few values"},  // SETITEM
      {"}", "s", "too few values"},
      {"}N", "s", "too few values"},
      {"(NN", "u", "too few values"},                // SETITEMS
      {"", "Q", "too few values"},                   // BINPERSID
      {"", "q\x01", "too few values"},               // BINPUT
      {"", "r\x01\x00\x00\x00"s, "too few values"},  // LONG_BINPUT
      {"", "0", "no mark"},                          // POP
      {"N0", "0", "no mark"},
  };
  for (const auto& [before, instruction, part] : cases) {
    expect_refused({{before, instruction, part}});
    // A value below the last mark is out of reach.
    if (instruction != "0") expect_refused({{"]]](" + before, instruction, part}});
  }
  EXPECT_REFUSED("\x80\x02.", ErrorKind::kPickle, 2, "too few values");
  EXPECT_REFUSED("\x80\x02N(.", ErrorKind::kPickle, 4, "too few values");
}

// P05
TEST(MachineStack, RefusesToGoBackToNoMark) {
  expect_refused({
      {"N", "t", "finds no mark"},
      {"]N", "e", "finds no mark"},
      {"}NN", "u", "finds no mark"},
      {"N", "1", "finds no mark"},
      {"(Nt", "t", "finds no mark"},
  });
}

// P06
TEST(MachineContainer, RefusesAKeyWithoutValue) {
  expect_refused({
      {"}(N", "u", "a key is set without a value"},
      {"}(NNN", "u", "a key is set without a value"},
      {"ccollections\nOrderedDict\n)R(N", "u", "a key is set without a value"},
  });
  EXPECT_EQ(result_of(PickleBuilder().raw("}(NNK\x01Nu").stop()), "{None: None, 1: None}");
}

// Pushes one value of each kind, with what the message calls it.
struct Target {
  std::string instructions;
  std::string_view type;
};

const Target kNone = {"N", "NoneType"};
const Target kInt = {"K\x01", "int"};
const Target kString = {"U\x01x", "str"};
const Target kTuple = {"N\x85", "tuple"};
const Target kList = {"]", "list"};
const Target kDict = {"}", "dict"};
const Target kSet = {"\x8f", "set"};
const Target kOrderedDict = {"ccollections\nOrderedDict\n)R", "collections.OrderedDict"};
const Target kClass = {"ctorch\nFloatTensor\n", "type"};
const Target kTensor = {"ctorch._utils\n_rebuild_tensor\n)R", "torch.Tensor"};
const Target kStorage = {")Q", "torch.storage.TypedStorage"};

// P07
TEST(MachineContainer, RefusesItemsSetInAnythingButADict) {
  for (const Target& target :
       {kNone, kInt, kString, kTuple, kList, kSet, kClass, kTensor, kStorage}) {
    const std::string message = concat("items are set in a ", target.type);
    expect_refused({{target.instructions + "NN", "s", message},
                    {target.instructions + "(NN", "u", message},
                    {target.instructions + "(", "u", message}});
  }
}

// P08
TEST(MachineContainer, RefusesItemsAppendedToAnythingButAList) {
  for (const Target& target :
       {kNone, kInt, kString, kTuple, kDict, kSet, kOrderedDict, kClass, kTensor, kStorage}) {
    const std::string message = concat("items are appended to a ", target.type);
    expect_refused(
        {{target.instructions + "N", "a", message}, {target.instructions + "(N", "e", message}});
  }
}

// G09
TEST(MachineCall, RefusesToCallAnythingButAConstructor) {
  const Target dtype = {"ctorch\nfloat32\n", ""};
  const Target storage_class = {"ctorch\nFloatStorage\n", ""};
  for (const Target& target :
       {kNone, kInt, kString, kTuple, kList, kDict, kTensor, kStorage, dtype, storage_class}) {
    expect_refused({{target.instructions + ")", "R", "cannot be called"},
                    {target.instructions + ")", "\x81", "cannot be called"}});
  }
  for (const Target& arguments : {kNone, kList, kDict, kString, kTensor}) {
    expect_refused({{kClass.instructions + arguments.instructions, "R", "not a tuple"},
                    {kClass.instructions + arguments.instructions, "\x81", "not a tuple"}});
  }
}

// P27
TEST(MachineBuild, RefusesStateThatTorchDoesNotWrite) {
  for (const Target& target :
       {kNone, kInt, kString, kTuple, kList, kDict, kSet, kClass, kStorage}) {
    expect_refused({{target.instructions + "}", "b", "takes no such state"}});
  }
  for (const Target& state : {kNone, kInt, kList, kTuple, kOrderedDict, kTensor}) {
    expect_refused({{kOrderedDict.instructions + state.instructions, "b", "takes no such state"}});
  }
  expect_refused({{kOrderedDict.instructions + "}b}", "b", "to one object twice"},
                  {kTensor.instructions + "}b}", "b", "to one object twice"}});
  EXPECT_EQ(result_of(PickleBuilder().raw(kOrderedDict.instructions).raw("}b").stop()),
            "OrderedDict({}) with {}");
}

TEST(MachinePersistentId, RefusesAnythingButATuple) {
  for (const Target& id : {kNone, kInt, kString, kList, kDict}) {
    const std::string before = id.instructions;
    EXPECT_REFUSED(PickleBuilder().raw(before).raw("Q").stop(), ErrorKind::kPersId,
                   2 + before.size(), concat("a persistent id is a ", id.type, ", not a tuple"));
  }
}

}  // namespace
}  // namespace hardload
