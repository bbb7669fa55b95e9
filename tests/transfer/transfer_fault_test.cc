// transfer fails as a whole: no byte is read before all memory is there and allowed, and whatever
// then goes wrong is an error that names the record.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"
#include "loader/transfer/transfer.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

using testing::CentralFields;
using testing::checkpoint_of;
using testing::DescriptorFields;
using testing::first_numbers;
using testing::MemorySink;
using testing::pattern;
using testing::SavedStorage;
using testing::ScriptedSource;

Manifest manifest_of(std::string_view bytes) {
  return describe(testing::source_of(bytes), {}).value();
}

// Moves all storages.
Result<TransferReport> move_all(const ScriptedSource& source, const Manifest& manifest,
                                MemorySink& sink, const TransferOptions& options) {
  return transfer(source, manifest, first_numbers(manifest.storages().size()), sink, options);
}

const Limits kLimits;

// Three storages, of which the last is deflated.
std::string three_storages() {
  return checkpoint_of({{pattern(300'000, 1)},
                        {pattern(100, 2)},
                        {pattern(600'000, 3), "ByteStorage", {.deflate = true}}})
      .build();
}

// V09
TEST(TransferFault, OfTheSinkComesBeforeAnythingIsRead) {
  const std::string bytes = three_storages();
  const Manifest manifest = manifest_of(bytes);
  for (int k = 0; k < 3; ++k) {
    const ScriptedSource source(bytes);
    MemorySink sink(&source);
    sink.failing_allocation = k;
    EXPECT_ERROR(move_all(source, manifest, sink, {.limits = kLimits}), ErrorKind::kOutOfMemory,
                 "the sink is full");
    EXPECT_EQ(sink.storages(), first_numbers(static_cast<std::size_t>(k)));
    EXPECT_EQ(source.reads, 0);
  }
}

// V06
TEST(TransferFault, OfAnyReadIsHandedOn) {
  const std::string bytes = three_storages();
  const Manifest manifest = manifest_of(bytes);
  const ScriptedSource whole(bytes);
  MemorySink ignored;
  ASSERT_OK(move_all(whole, manifest, ignored, {.limits = kLimits}));
  const int reads = whole.reads;
  ASSERT_GE(reads, 3);
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (int k = 1; k <= reads; ++k) {
      ScriptedSource source(bytes);
      source.failing_read = k;
      MemorySink sink(&source);
      EXPECT_ERROR(move_all(source, manifest, sink, {.limits = kLimits, .threads = threads}),
                   ErrorKind::kIo, "the disk is gone");
      if (threads == 1) {
        EXPECT_EQ(source.reads, k) << "it went on reading";
      }
    }
  }
}

// V05
TEST(TransferFault, OfAFileThatChangedIsFoundAtTheEnd) {
  const std::string bytes = three_storages();
  const Manifest manifest = manifest_of(bytes);
  ScriptedSource source(bytes);
  MemorySink sink;
  EXPECT_OK(move_all(source, manifest, sink, {.limits = kLimits}));
  source.changed = true;
  MemorySink other;
  EXPECT_ERROR(move_all(source, manifest, other, {.limits = kLimits}), ErrorKind::kIo,
               "the file changed");
}

// V04: the file was longer when it was described.
TEST(TransferFault, OfAFileThatWasCutSinceItWasDescribed) {
  const std::string bytes = checkpoint_of({{pattern(300'000, 1)}}).build();
  const Manifest manifest = manifest_of(bytes);
  const ScriptedSource source(std::string_view(bytes).substr(0, 200'000));
  MemorySink sink;
  EXPECT_ERROR(move_all(source, manifest, sink, {.limits = kLimits}), ErrorKind::kBounds,
               "the file ends at byte 200000");
}

// A checkpoint whose storage "1" differs in one bit, at `at`, from what its CRC-32 was made of.
std::string altered_storage(std::size_t at, bool deflate) {
  const std::string content = pattern(600'000, 4);
  std::string altered = content;
  altered[at] = static_cast<char>(altered[at] ^ 1);
  testing::RecordTweaks tweaks = {.deflate = deflate};
  const std::string stored = deflate ? testing::deflated(altered) : altered;
  tweaks.stored = stored;
  return checkpoint_of({{"before"}, {content, "ByteStorage", tweaks}, {"after"}}).build();
}

// C09
TEST(TransferChecksum, NamesTheRecordThatWasAltered) {
  for (const bool deflate : {false, true}) {
    for (const std::size_t at : {0u, 262'144u, 599'999u}) {
      const std::string bytes = altered_storage(at, deflate);
      const ScriptedSource source(bytes);
      MemorySink sink;
      const auto report = move_all(source, manifest_of(bytes), sink, {.limits = kLimits});
      ASSERT_FALSE(report.ok());
      EXPECT_EQ(report.error().kind(), ErrorKind::kChecksum);
      EXPECT_EQ(report.error().record(), "model/data/1");
      EXPECT_NE(report.error().problem().find("but the archive says"), std::string::npos);
    }
  }
}

TEST(TransferChecksum, IsNotComparedWhereTheCallerDoesNotWantIt) {
  for (const bool deflate : {false, true}) {
    const std::string bytes = altered_storage(3, deflate);
    const ScriptedSource source(bytes);
    MemorySink sink;
    const auto report =
        move_all(source, manifest_of(bytes), sink, {.limits = kLimits, .verify_crc = false});
    ASSERT_OK(report);
    EXPECT_EQ(report->bytes, 600'011u);
    EXPECT_EQ(report->verified_bytes, 0u);
    EXPECT_NE(sink.content(1), pattern(600'000, 4));
    EXPECT_EQ(sink.content(1).substr(4), pattern(600'000, 4).substr(4));
  }
}

// C10: such bytes are moved, but not reported as verified.
TEST(TransferChecksum, MayBeAbsent) {
  const testing::RecordTweaks without_crc = {.descriptor = [](DescriptorFields& f) { f.crc32 = 0; },
                                             .central = [](CentralFields& f) { f.crc32 = 0; }};
  const std::string bytes =
      checkpoint_of({{"abcd"}, {"efghijk", "ByteStorage", without_crc}, {""}}).build();
  const ScriptedSource source(bytes);
  MemorySink sink;
  const auto report = move_all(source, manifest_of(bytes), sink, {.limits = kLimits});
  ASSERT_OK(report);
  EXPECT_EQ(sink.content(1), "efghijk");
  EXPECT_EQ(report->bytes, 11u);
  EXPECT_EQ(report->verified_bytes, 4u);
}

// C05, C06
TEST(TransferDeflated, NamesTheRecordThatIsBroken) {
  const std::string content = pattern(1000, 6);
  struct Case {
    std::string stored, part;
  };
  for (const Case& c : {Case{testing::deflated(content + "x"), "more than the declared 1000"},
                        Case{testing::deflated(content.substr(1)), "fewer than the declared 1000"},
                        Case{std::string(20, '\x07'), "malformed"},
                        Case{testing::deflated(content) + "x", "1 bytes follow"}}) {
    const std::string bytes =
        checkpoint_of({{"before"}, {content, "ByteStorage", {.deflate = true, .stored = c.stored}}})
            .build();
    const ScriptedSource source(bytes);
    MemorySink sink;
    const auto report = move_all(source, manifest_of(bytes), sink, {.limits = kLimits});
    ASSERT_FALSE(report.ok()) << c.part;
    EXPECT_EQ(report.error().kind(), ErrorKind::kContainer);
    EXPECT_EQ(report.error().record(), "model/data/1");
    EXPECT_NE(report.error().problem().find(c.part), std::string::npos) << report.error().display();
  }
}

// V07, T19: the holes of a sparse file make bytes from nothing. The limit is exact.
TEST(TransferLimit, CountsWhatTheFileOccupies) {
  const std::string bytes = checkpoint_of({{pattern(600, 1)}, {pattern(400, 2)}}).build();
  const Manifest manifest = manifest_of(bytes);
  const Limits limits = {.max_expansion = 3, .expansion_slack_bytes = 100};
  for (const bool fits : {true, false}) {
    ScriptedSource source(bytes);
    source.allocated = fits ? 300 : 299;
    MemorySink sink(&source);
    const auto report = move_all(source, manifest, sink, {.limits = limits});
    if (fits) {
      EXPECT_OK(report);
      continue;
    }
    EXPECT_ERROR(report, ErrorKind::kLimit,
                 "the tensors need 1000 bytes, but the file occupies only 299, which max_expansion "
                 "allows to become 997");
    EXPECT_TRUE(sink.storages().empty());
    EXPECT_EQ(source.reads, 0);
  }
}

// V07, T19
TEST(TransferLimit, CountsTheBlocksOfASparseFile) {
  const std::string zeros(8 << 20, '\0');
  const std::string bytes = checkpoint_of({{zeros}}).build();
  const std::size_t hole = bytes.find(zeros);
  const std::string path = testing::write_temporary("sparse", bytes.substr(0, hole));
  std::filesystem::resize_file(path, hole + zeros.size());
  std::ofstream(path, std::ios::binary | std::ios::app) << bytes.substr(hole + zeros.size());
  ASSERT_EQ(testing::read_file(path), bytes);

  const auto source = FileSource::open(path);
  ASSERT_OK(source);
  const Manifest manifest = manifest_of(bytes);
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 1 << 20};
  const Limits enough = {.max_expansion = 10, .expansion_slack_bytes = 8 << 20};
  MemorySink sink, other;
  EXPECT_ERROR(transfer(**source, manifest, first_numbers(1), sink, {.limits = limits}),
               ErrorKind::kLimit, "in record 'model/data/0': the record makes 8388608 bytes from");
  EXPECT_TRUE(sink.storages().empty());
  EXPECT_OK(transfer(**source, manifest, first_numbers(1), other, {.limits = enough}));
  EXPECT_TRUE(other.content(0) == zeros);
}

// C04, T19: records that are within limits each, but not together.
TEST(TransferLimit, CountsAllThatIsInflated) {
  std::vector<SavedStorage> storages;
  for (int i = 0; i < 50; ++i) {
    storages.push_back({std::string(50'000, '\0'), "ByteStorage", {.deflate = true}});
  }
  const std::string bytes = checkpoint_of(storages).build();
  const Manifest manifest = manifest_of(bytes);
  const ScriptedSource source(bytes);
  const Limits limits = {.max_expansion = 1, .expansion_slack_bytes = 100'000};
  const Limits enough = {.max_expansion = 1, .expansion_slack_bytes = 2'500'000};
  MemorySink sink(&source), other(&source);
  EXPECT_ERROR(move_all(source, manifest, sink, {.limits = limits}), ErrorKind::kLimit,
               "the tensors need 2500000 bytes");
  EXPECT_TRUE(sink.storages().empty());
  EXPECT_EQ(source.reads, 0);
  EXPECT_OK(move_all(source, manifest, other, {.limits = enough}));
}

// C04: a record beyond its own limit in a file that is large enough for the sum.
TEST(TransferLimit, CountsEachDeflatedRecordForItself) {
  const std::string bytes =
      checkpoint_of(
          {{pattern(100'000, 1)}, {std::string(200'000, '\0'), "ByteStorage", {.deflate = true}}})
          .build();
  const ScriptedSource source(bytes);
  MemorySink sink;
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 0};
  const auto report = move_all(source, manifest_of(bytes), sink, {.limits = limits});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().kind(), ErrorKind::kLimit);
  EXPECT_EQ(report.error().record(), "model/data/1");
}

// C04: "Limit, checked before allocating". The file is large enough for the sum.
TEST(TransferLimit, RefusesADeflatedRecordBeforeItAllocates) {
  const std::string bytes =
      testing::checkpoint_of({{testing::pattern(100'000, 1)},
                              {std::string(200'000, '\0'), "ByteStorage", {.deflate = true}}})
          .build();
  const auto manifest = describe(testing::source_of(bytes), {});
  ASSERT_OK(manifest);
  const testing::ScriptedSource source(bytes);
  testing::MemorySink sink;
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 0};
  EXPECT_ERROR(transfer(source, *manifest, testing::first_numbers(2), sink, {.limits = limits}),
               ErrorKind::kLimit, "over max_expansion");
  EXPECT_TRUE(sink.storages().empty());
  EXPECT_EQ(source.reads, 0);
}

}  // namespace
}  // namespace hardload
