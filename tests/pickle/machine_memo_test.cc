// The memo: what is got is the very object that was put, and a sparse memo takes no memory.

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

TEST(MachineMemo, GivesBackWhatWasPut) {
  EXPECT_EQ(result_of(pickle("(K\x07q\x00h\x00t"s)), "(7, 7)");
  EXPECT_EQ(result_of(pickle("(K\x07q\xffh\xfft"s)), "(7, 7)");
  EXPECT_EQ(result_of(pickle("(K\x07r\x00\x01\x00\x00j\x00\x01\x00\x00t"s)), "(7, 7)");
}

TEST(MachineMemo, ShortAndLongInstructionsShareTheEntries) {
  EXPECT_EQ(result_of(pickle("(K\x07q\x05j\x05\x00\x00\x00t"s)), "(7, 7)");
  EXPECT_EQ(result_of(pickle("(K\x07r\x05\x00\x00\x00h\x05t"s)), "(7, 7)");
}

TEST(MachineMemo, LaterPutReplacesTheEntry) {
  EXPECT_EQ(result_of(pickle("(K\x07q\x00K\x08q\x00h\x00t"s)), "(7, 8, 8)");
}

// P29
TEST(MachineMemo, AListIsTheSameListEverywhere) {
  const auto graph =
      testing::run(pickle("(]q\x00h\x00K\x05"
                          "at"s));
  ASSERT_OK(graph);
  const Value root(*graph, graph->root);
  EXPECT_EQ(testing::show(root), "([5], [5])");
  EXPECT_EQ(root.item(0).identity(), root.item(1).identity());

  const auto two =
      testing::run(pickle("(]]K\x05"
                          "at"));
  ASSERT_OK(two);
  EXPECT_EQ(testing::show(Value(*two, two->root)), "([], [5])");
}

// P29
TEST(MachineMemo, ContainersChangeAfterTheyWereGot) {
  EXPECT_EQ(result_of(pickle("(}q\x00h\x00K\x01Nst"s)), "({1: None}, {1: None})");
  // A tuple that holds the list that is filled later.
  EXPECT_EQ(result_of(pickle("]q\x00\x85h\x00K\x05"
                             "a0"s)),
            "([5],)");
  const std::string ordered_dict = "ccollections\nOrderedDict\n)R";
  EXPECT_EQ(result_of(pickle("(" + ordered_dict + "q\x00h\x00}bt"s)),
            "(OrderedDict({}) with {}, OrderedDict({}) with {})");
}

// P21
TEST(MachineMemo, ContainersMayContainThemselves) {
  EXPECT_EQ(result_of(pickle("]q\x00h\x00"
                             "a"s)),
            "[...]");
  EXPECT_EQ(result_of(pickle("}q\x00K\x01h\x00s"s)), "{1: ...}");
  EXPECT_EQ(result_of(pickle("]q\x00}K\x01h\x00sa"s)), "[{1: ...}]");
}

// P09
TEST(MachineMemo, RefusesAnEntryThatWasNeverPut) {
  EXPECT_REFUSED(pickle("h\x00"s), ErrorKind::kPickle, 2, "memo entry 0 was never set");
  EXPECT_REFUSED(pickle("Nq\x01h\x00"s), ErrorKind::kPickle, 5, "memo entry 0 was never set");
  EXPECT_REFUSED(pickle("Nq\x01h\x02"s), ErrorKind::kPickle, 5, "memo entry 2 was never set");
  EXPECT_REFUSED(pickle("j\xff\xff\xff\xff"), ErrorKind::kPickle, 2,
                 "memo entry 4294967295 was never set");
}

// P10
TEST(MachineMemo, RefusesASparseMemo) {
  EXPECT_REFUSED(pickle("Nr\xff\xff\xff\xff"), ErrorKind::kLimit, 3,
                 "memo entry 4294967295 leaves a gap over max_memo_gap, 65536");
  EXPECT_REFUSED(pickle("Nr\x01\x00\x01\x00"s), ErrorKind::kLimit, 3, "memo entry 65537");
  EXPECT_EQ(result_of(pickle("Nr\x00\x00\x01\x00"s)), "None");
}

TEST(MachineMemo, GapIsThatOfTheLimit) {
  const Limits limits = {.max_memo_gap = 2};
  EXPECT_EQ(result_of(pickle("Nq\x02"s), limits), "None");
  EXPECT_REFUSED(pickle("Nq\x03"s), ErrorKind::kLimit, 3, "max_memo_gap, 2", limits);
  // Each put moves the end by one.
  EXPECT_EQ(result_of(pickle("Nq\x00q\x03q\x04"s), limits), "None");
  EXPECT_REFUSED(pickle("Nq\x00q\x04"s), ErrorKind::kLimit, 5, "max_memo_gap, 2", limits);
}

TEST(MachineMemo, WithoutGapsMayBeLarge) {
  PickleBuilder builder;
  builder.none();
  for (std::uint32_t i = 0; i < 200'000; ++i) builder.put(i);
  EXPECT_EQ(result_of(builder.get(199'999).op('0').stop()), "None");
}

}  // namespace
}  // namespace hardload
