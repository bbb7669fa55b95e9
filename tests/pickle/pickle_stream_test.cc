// PickleStream: pickles behind each other, each to its STOP and no further.

#include "loader/pickle/pickle_stream.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/base/cursor.h"
#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::PickleBuilder;
using testing::source_of;

std::string shown(Result<ValueGraph> graph) {
  return graph.ok() ? testing::show(Value(*graph, graph->root)) : graph.error().message();
}

TEST(PickleStream, RunsEachPickleToItsStop) {
  const std::string bytes = "before" + PickleBuilder().integer(7).stop() +
                            PickleBuilder().text("a.b").stop() + "raw." +
                            PickleBuilder().none().stop() + "behind";
  const MemorySource source = source_of(bytes);
  const Limits limits;
  PickleStream stream(source, 6, bytes.size() - 6, limits);
  EXPECT_EQ(shown(stream.next("one")), testing::result_of(PickleBuilder().integer(7).stop()));
  EXPECT_EQ(shown(stream.next("two")), testing::result_of(PickleBuilder().text("a.b").stop()));
  const auto raw = stream.take(4);
  ASSERT_OK(raw);
  EXPECT_EQ(Cursor::as_text(*raw), "raw.");
  EXPECT_OK(stream.next("three"));
  EXPECT_EQ(stream.position(), bytes.size() - 6);
  EXPECT_EQ(stream.remaining(), 0u);
  EXPECT_ERROR(stream.take(1), ErrorKind::kBounds, "ends 1 bytes too early");
}

// Operands may hold the byte that STOP is, and lie across the border of what is read at once.
TEST(PickleStream, TakesNoOperandForAStop) {
  const std::string dots(300, '.');
  for (std::size_t padding = 16'300; padding < 16'420; ++padding) {
    PickleBuilder p;
    p.empty_list().mark().text(std::string(padding, 'x'));
    p.raw("U\x02..").raw("J....").raw("M..").raw("K.").raw("G........").raw("\x8a\x02..");
    p.raw(std::string("\x8b\x02\0\0\0..", 7)).text(dots).raw("T").u32(300).raw(dots);
    p.raw("q.0h.").global("torch", "FloatStorage").op('e');
    const std::string pickle = p.stop(), bytes = pickle + "N.";
    const MemorySource source = source_of(bytes);
    const Limits limits;
    PickleStream stream(source, 0, bytes.size(), limits);
    ASSERT_EQ(shown(stream.next("p")), testing::result_of(pickle)) << padding;
    ASSERT_EQ(stream.position(), pickle.size()) << padding;
  }
}

TEST(PickleStream, LeavesWhatIsWrongToTheMachine) {
  const std::string bytes = PickleBuilder().integer(1).stop();
  const Limits limits;
  for (std::size_t size = 0; size < bytes.size(); ++size) {  // P01, L09
    const MemorySource source = source_of(std::string_view(bytes).substr(0, size));
    PickleStream stream(source, 0, size, limits);
    EXPECT_ERROR(stream.next("cut"), ErrorKind::kPickle, "record 'cut'");
  }
  const struct {
    std::string bytes;
    ErrorKind kind;
    std::string_view part;
  } cases[] = {
      {"\x80\x02N\x95N.", ErrorKind::kPickle, "byte 149 is no instruction"},
      {"\x80\x04N.", ErrorKind::kUnsupported, "protocol 4"},
      {PickleBuilder().text("abc").bytes().substr(0, 9), ErrorKind::kPickle,
       "runs past the pickle"},
      {"\x80\x02"
       "ctorch\nFloat",
       ErrorKind::kPickle, "has no end"},
      {"\x80\x02"
       "c" +
           std::string(40'000, 'x') + "\ny\n.",
       ErrorKind::kLimit, "max_global_bytes"},
  };
  for (const auto& c : cases) {
    const MemorySource source = source_of(c.bytes);
    PickleStream stream(source, 0, c.bytes.size(), limits);
    EXPECT_ERROR(stream.next("p"), c.kind, c.part);
  }
}

TEST(PickleStream, BoundsAPickleThatDoesNotEnd) {  // L09
  const std::string bytes = "\x80\x02(" + std::string(1 << 20, 'N');
  const MemorySource source = source_of(bytes);
  const Limits limits{.max_pickle_bytes = 1000};
  PickleStream stream(source, 0, bytes.size(), limits);
  EXPECT_ERROR(stream.next("p"), ErrorKind::kLimit, "over 1000 bytes");
}

TEST(PickleStream, NumbersStandForWhatTheCallerSays) {
  const std::string bytes =
      PickleBuilder().empty_list().mark().text("7").op('Q').integer(-8).op('Q').op('e').stop();
  const MemorySource source = source_of(bytes);
  const Limits limits;
  const NumberedKinds kinds = [](std::int64_t number) -> std::optional<ValueKind> {
    if (number == 7) return ValueKind::kTensor;
    return number == -8 ? std::optional(ValueKind::kStorage) : std::nullopt;
  };
  PickleStream stream(source, 0, bytes.size(), limits);
  const auto graph = stream.next("p", Unlisted::kRefuse, &kinds);
  ASSERT_OK(graph);
  const Value list(*graph, graph->root);
  EXPECT_EQ(list.item(0).kind(), ValueKind::kTensor);
  EXPECT_EQ(list.item(1).kind(), ValueKind::kStorage);
  for (const char* text : {"9", "", "7x", " 7", "99999999999999999999"}) {
    const std::string other = PickleBuilder().text(text).op('Q').stop();
    const MemorySource one = source_of(other);
    PickleStream refused(one, 0, other.size(), limits);
    EXPECT_ERROR(refused.next("p", Unlisted::kRefuse, &kinds), ErrorKind::kPersId,
                 "not the number");
  }
}

// L07: the source text of a class is nothing; the class is what it is.
TEST(PickleStream, AClassWithItsSourceIsTheClass) {
  const std::string bytes = PickleBuilder()
                                .mark()
                                .text("module")
                                .global("my.nets", "Net")
                                .text("net.py")
                                .text("import os")
                                .tuple()
                                .op('Q')
                                .empty_tuple()
                                .reduce()
                                .stop();
  const MemorySource source = source_of(bytes);
  const Limits limits;
  PickleStream strict(source, 0, bytes.size(), limits);
  EXPECT_ERROR(strict.next("p"), ErrorKind::kGlobal, "my.nets.Net");
  PickleStream keeping(source, 0, bytes.size(), limits);
  const auto graph = keeping.next("p", Unlisted::kKeepAsData);
  ASSERT_OK(graph);
  EXPECT_EQ(Value(*graph, graph->root).part(InertPart::kCallable).text(), "my.nets\nNet");
}

}  // namespace
}  // namespace hardload
