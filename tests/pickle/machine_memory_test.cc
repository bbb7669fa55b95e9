// Memory and work of the pickle machine: linear in the pickle, whatever numbers it holds.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace {

std::atomic<std::size_t> in_use = 0, most_in_use = 0;

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
// Where it inlines the operators, GCC takes malloc and free for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

// Counts what the whole program has allocated.
void* operator new(std::size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  const std::size_t now = in_use += malloc_usable_size(block);
  most_in_use = std::max(most_in_use.load(), now);
  return block;
}
void operator delete(void* block) noexcept {
  if (block != nullptr) in_use -= malloc_usable_size(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

// Bytes that running `pickle` takes beside the pickle itself, at its worst.
std::size_t memory_of(const std::string& pickle, const Limits& limits = {}) {
  const std::size_t before = in_use;
  most_in_use = before;
  (void)testing::run(pickle, limits).ok();
  return most_in_use - before;
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

TEST(MachineMemory, CountsAllocations) {
  const std::size_t before = in_use;
  most_in_use = before;
  { const std::string block(100'000, 'x'); }
  EXPECT_GE(most_in_use - before, 100'000u);
  EXPECT_EQ(in_use, before);
}

// P10, P11, P12, G05: numbers that ask for memory.
TEST(MachineMemory, IsNotSizedByNumbersInThePickle) {
  for (const std::string& instructions : {
           "X\xff\xff\xff\xff."s,
           "T\xff\xff\xff\x7f."s,
           "\x8b\xff\xff\xff\x7f."s,
           "U\xff."s,
           "Nr\xff\xff\xff\xff."s,
           "Nr\x00\x00\x00\x80."s,
           "j\xff\xff\xff\xff."s,
           "c__builtin__\nbytearray\n\x8a\x06\0\0\0\0\0\1\x85R."s,
           "ctorch\nSize\n\x8a\x06\0\0\0\0\0\1\x85R."s,
           "ctorch\nTensor\n\x8a\x06\0\0\0\0\0\1\x85R."s,
           "(\x8a\x06\0\0\0\0\0\1t."s,
       }) {
    EXPECT_LT(memory_of("\x80\x02" + instructions), 10'000u) << instructions;
  }
  // The memo as large as its limit lets it be.
  EXPECT_LT(memory_of("\x80\x02Nr\x00\x00\x01\x00."s), 4'000'000u);
}

// P19
TEST(MachineMemory, IsLinearInTheNumberOfInstructions) {
  constexpr std::size_t kCount = 200'000;
  constexpr std::size_t kMostPerByte = 250;
  for (const std::string_view part : {"N", "(", "]", "}", ")", "\x8f", "N0", "(1", "(t", "K\x01",
                                      "U\x01x", "Nq\x05", "N\x85", ")Q", "](NNe", "}(NNu"}) {
    const std::string pickle = "\x80\x02" + repeated(part, kCount);
    EXPECT_LT(memory_of(pickle), kMostPerByte * pickle.size()) << part;
  }
  for (const std::string_view part :
       {"ctorch\nint8\n", "ctorch\nFloatStorage\n", "ccollections\nOrderedDict\n)R", "ca\nb\n"}) {
    const std::string pickle = "\x80\x02" + repeated(part, kCount / 10);
    EXPECT_LT(memory_of(pickle), kMostPerByte * pickle.size()) << part;
  }
}

// P19
TEST(MachineMemory, RefusesTooManyValuesOrMarksOnTheStack) {
  const Limits limits = {.max_stack = 1000};
  EXPECT_REFUSED("\x80\x02" + repeated("N", 1001) + "0.", ErrorKind::kLimit, 1002,
                 "the stack grows over max_stack, 1000", limits);
  EXPECT_REFUSED("\x80\x02" + repeated("(", 1001) + ".", ErrorKind::kLimit, 1002,
                 "the stack grows over max_stack, 1000", limits);
  const std::string tuple = "\x80\x02(" + repeated("N", 1000) + "t.";
  EXPECT_OK(testing::run(tuple, limits));
  const std::string tuples = "\x80\x02" + repeated("(", 1000) + "N" + repeated("t", 1000) + ".";
  EXPECT_OK(testing::run(tuples, limits));
  EXPECT_REFUSED("\x80\x02" + repeated("N", 10'000'000) + ".", ErrorKind::kLimit, 2 + (1 << 23),
                 "max_stack, 8388608");
  EXPECT_REFUSED("\x80\x02" + repeated("(", 10'000'000) + ".", ErrorKind::kLimit, 2 + (1 << 23),
                 "max_stack, 8388608");
}

// P19: much work is no harm where it is in proportion to the pickle.
TEST(MachineMemory, PushAndPopForLongTakesNoMemory) {
  const std::string pickle = "\x80\x02" + repeated("N0", 5'000'000) + "N.";
  EXPECT_EQ(testing::result_of(pickle), "None");
}

// One remembered list or string that is copied again and again.
TEST(MachineMemory, RefusesCopiesThatAreLargerThanThePickle) {
  const std::string list = "(]q\x00("s + repeated("N", 1000) + "e0";
  const std::string pairs = "(]q\x00("s + repeated("NN\x86", 1000) + "e0";
  const std::string dict = "(}q\x00("s + repeated("NN", 500) + "u0";
  const std::string text = "(U\xff" + repeated("x", 255) +
                           "q\x00"
                           "0"s;
  const std::string latin1 =
      "U\x06latin1q\x01"
      "0"s;
  struct Case {
    std::string before, global, call;
  };
  const Case cases[] = {
      {list, "c__builtin__\nset\n", "h\x00\x85R"s},
      {pairs, "ccollections\nOrderedDict\n", "h\x00\x85R"s},
      {dict, "ccollections\nCounter\n", "h\x00\x85R"s},
      {text + latin1, "c_codecs\nencode\n", "h\x00h\x01\x86R"s},
      {text + latin1, "c__builtin__\nbytearray\n", "h\x00h\x01\x86R"s},
  };
  for (const auto& [before, global, call] : cases) {
    const std::string start = "\x80\x02" + before + global +
                              "q\x02"
                              "0"s;
    EXPECT_OK(testing::run(start + "h\x02" + call + "t.")) << global;
    const std::string bomb = start + repeated("h\x02" + call, 1000) + "t.";
    EXPECT_ERROR(testing::run(bomb), ErrorKind::kLimit, "copy more items than the pickle has bytes")
        << global;
    EXPECT_LT(memory_of(bomb), 100 * bomb.size()) << global;
  }
}

// As Python's pickler writes many small sets and bytes: all of them are copies, none is a bomb.
TEST(MachineMemory, TakesManyCallsThatBringTheirOwnItems) {
  std::string pickle = "\x80\x02(c__builtin__\nset\nq\x00U\x06latin1q\x01"s;
  pickle += repeated(
      "h\x00](K\x01K\x02K\x03"
      "e\x85R"s,
      1000);
  pickle += "c_codecs\nencode\nq\x02"s + repeated(
                                             "h\x02U\x08"
                                             "abcdefgh"
                                             "h\x01\x86R",
                                             1000);
  EXPECT_OK(testing::run(pickle + "t."));
}

}  // namespace
}  // namespace hardload
