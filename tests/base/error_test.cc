// Error says everything it was told, raw in message() and escaped in display(), and always advises.

#include "loader/base/error.h"

#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hardload {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(ErrorKind::kTorn) + 1;
constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kCli) + 1;

Error full_error() {
  return Error(ErrorKind::kBounds, Stage::kContainer, "the record ends after the file does")
      .in_source("m.pth")
      .in_record("model/data/0")
      .at(1024)
      .advise("Do this.");
}

TEST(Error, KeepsEachPart) {
  const Error error = full_error();
  EXPECT_EQ(error.kind(), ErrorKind::kBounds);
  EXPECT_EQ(error.stage(), Stage::kContainer);
  EXPECT_EQ(error.problem(), "the record ends after the file does");
  EXPECT_EQ(error.source(), "m.pth");
  EXPECT_EQ(error.record(), "model/data/0");
  EXPECT_EQ(error.offset(), 1024u);
  EXPECT_EQ(error.advice(), "Do this.");
}

TEST(Error, HasNoPlaceUnlessToldOne) {
  const Error error(ErrorKind::kIo, Stage::kBytes, "it failed");
  EXPECT_EQ(error.source(), "");
  EXPECT_EQ(error.record(), "");
  EXPECT_EQ(error.offset(), std::nullopt);
}

TEST(Error, MessageHasAllParts) {
  EXPECT_EQ(full_error().message(),
            "m.pth: Bounds error in record 'model/data/0' at byte 1024 of the file: the record "
            "ends after the file does. Do this.");
}

// From the pickle on, offsets are counted in the record that is named.
TEST(Error, MessageTellsOffsetsInTheFileFromThoseInARecord) {
  const auto message_of = [](Stage stage, std::string_view record) {
    return Error(ErrorKind::kIo, stage, "no").in_record(record).at(7).advise("A.").message();
  };
  EXPECT_EQ(message_of(Stage::kBytes, "r"), "Io error in record 'r' at byte 7 of the file: no. A.");
  EXPECT_EQ(message_of(Stage::kContainer, "r"),
            "Io error in record 'r' at byte 7 of the file: no. A.");
  EXPECT_EQ(message_of(Stage::kPickle, "r"), "Io error in record 'r' at byte 7: no. A.");
  EXPECT_EQ(message_of(Stage::kContainer, ""), "Io error at byte 7: no. A.");
}

TEST(Error, MessageLeavesOutWhatIsNotKnown) {
  EXPECT_EQ(Error(ErrorKind::kDevice, Stage::kPlace, "no").advise("A.").message(),
            "Device error: no. A.");
  EXPECT_EQ(Error(ErrorKind::kIo, Stage::kBytes, "no").in_source("f").advise("A.").message(),
            "f: Io error: no. A.");
  EXPECT_EQ(Error(ErrorKind::kIo, Stage::kBytes, "no").in_record("r").advise("A.").message(),
            "Io error in record 'r': no. A.");
  EXPECT_EQ(Error(ErrorKind::kIo, Stage::kBytes, "no").at(0).advise("A.").message(),
            "Io error at byte 0: no. A.");
}

TEST(Error, MessageEndsTheProblemOnce) {
  const auto message_of = [](std::string problem) {
    return Error(ErrorKind::kKey, Stage::kMatch, std::move(problem)).advise("A.").message();
  };
  EXPECT_EQ(message_of("no"), "Key error: no. A.");
  EXPECT_EQ(message_of("no."), "Key error: no. A.");
  // PyTorch's lists of keys end with a period and a space.
  EXPECT_EQ(message_of("Missing \"a\". "), "Key error: Missing \"a\".  A.");
}

TEST(Error, AdviceStandsOnItsOwnLineBelowSeveralLines) {
  EXPECT_EQ(Error(ErrorKind::kKey, Stage::kMatch, "a:\n\tb.").advise("A.").message(),
            "Key error: a:\n\tb.\nA.");
}

TEST(Error, DisplayIsTheMessageWhereNothingIsUnsafe) {
  EXPECT_EQ(full_error().display(), full_error().message());
}

TEST(Error, DisplayEscapesEveryPartThatAFileOrAPathChose) {
  const Error error = Error(ErrorKind::kName, Stage::kContainer, "bad \x1b[2J name\nhere")
                          .in_source("a\rb.pth")
                          .in_record("x\xe2\x80\xaey")
                          .advise("A.");
  EXPECT_EQ(error.message(),
            "a\rb.pth: Name error in record 'x\xe2\x80\xaey': bad \x1b[2J name\nhere.\nA.");
  EXPECT_EQ(error.display(),
            "a\\x0db.pth: Name error in record 'x\\u{202e}y': bad \\x1b[2J name\\x0ahere. A.");
}

TEST(Error, ShowAsReplacesTheProblemInDisplayAlone) {
  const Error error = Error(ErrorKind::kKey, Stage::kMatch, "keys:\n\t\"\x1b\"")
                          .in_record("r\n")
                          .show_as("keys:\n\t\"\\x1b\"")
                          .advise("A.");
  EXPECT_EQ(error.problem(), "keys:\n\t\"\x1b\"");
  EXPECT_EQ(error.message(), "Key error in record 'r\n': keys:\n\t\"\x1b\".\nA.");
  EXPECT_EQ(error.display(), "Key error in record 'r\\x0a': keys:\n\t\"\\x1b\".\nA.");
}

TEST(Error, CopiesAreIndependent) {
  Error original = full_error();
  const Error copy = original;
  original = std::move(original).in_record("other").at(1);
  EXPECT_EQ(copy.message(), full_error().message());
  EXPECT_EQ(original.record(), "other");

  Error assigned(ErrorKind::kIo, Stage::kBytes, "before");
  assigned = copy;
  EXPECT_EQ(assigned.message(), full_error().message());
  const Error& self = assigned;
  assigned = self;
  EXPECT_EQ(assigned.message(), full_error().message());
}

TEST(Error, MovesWithEverything) {
  Error original = full_error();
  const Error moved = std::move(original);
  EXPECT_EQ(moved.message(), full_error().message());
}

TEST(Error, EachKindHasANameAndAdviceOfAtLeastASentence) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    EXPECT_NE(to_string(kind), "?") << i;
    names.insert(to_string(kind));
    const Error error(kind, Stage::kBytes, "p");
    EXPECT_TRUE(error.advice().ends_with('.')) << to_string(kind);
    EXPECT_TRUE(error.message().ends_with(error.advice())) << to_string(kind);
  }
  EXPECT_EQ(names.size(), kKinds);
  EXPECT_EQ(to_string(ErrorKind::kIo), "Io");
  EXPECT_EQ(to_string(ErrorKind::kBounds), "Bounds");
  EXPECT_EQ(to_string(ErrorKind::kOutOfMemory), "OutOfMemory");
  EXPECT_EQ(to_string(ErrorKind::kTorn), "Torn");
}

TEST(Error, EachStageHasTheNameOfItsFolder) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kStages; ++i) names.insert(to_string(static_cast<Stage>(i)));
  EXPECT_EQ(names, (std::set<std::string_view>{"bytes", "cli", "container", "manifest", "match",
                                               "pickle", "place", "torch", "transfer"}));
  EXPECT_EQ(to_string(Stage::kBytes), "bytes");
  EXPECT_EQ(to_string(Stage::kTransfer), "transfer");
}

}  // namespace
}  // namespace hardload
