// Not in BUILD: what the attack catalogue or a header says, where the code does otherwise. Each
// test fails today. Move it to the file of its subject when the code or the catalogue has changed.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/identify.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/container/zip_archive.h"
#include "loader/container/zip_cut.h"
#include "loader/container/zip_end.h"
#include "tests/container/bytes.h"
#include "tests/container/other_tools.h"
#include "tests/container/sources.h"
#include "tests/container/stages.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::by_other_tool_with_local;
using testing::CentralFields;
using testing::CheckpointBuilder;
using testing::directory_with_entry;
using testing::EndFields;
using testing::extra_field;
using testing::LocalFields;
using testing::located;
using testing::source_of;
using testing::u16;
using testing::u32;
using testing::u64;
using testing::ZipBuilder;

ZipBuilder small() { return ZipBuilder(0).add("m/a", "abc"); }

void saturate(EndFields& f) {
  f.disk = f.directory_disk = f.disk_records = f.records = 0xFFFF;
  f.directory_bytes = f.directory_offset = 0xFFFFFFFF;
}

// --- Accepted, but to be refused -----------------------------------------------------------------

// Z04: torch's reader and Python take the last end record, whether or not its comment fits.
TEST(OpenQuestion, SecondEndRecordInTheCommentThatDoesNotCloseTheFile) {
  const std::string other = ZipBuilder().build([](EndFields& f) { f.zip64 = false; });
  for (const std::string& comment : {other + "x", "x" + other + std::string(100, 'x')}) {
    EXPECT_ERROR(zip::find_directory(source_of(small().build([&](EndFields& f) {
                                       f.zip64 = false;
                                       f.comment = comment;
                                     })),
                                     {}),
                 ErrorKind::kContainer);
  }
}

// Z06: the one entry too many is parsed, but then nothing is left that could be noticed.
TEST(OpenQuestion, DirectoryWithOneEntryMoreThanDeclared) {
  const auto file = small().add("m/hidden", "x", {.listed = true}).build([](EndFields& f) {
    f.records = f.disk_records = 1;
    f.end64.records = f.end64.disk_records = 1;
  });
  EXPECT_ERROR(testing::directory_of(file), ErrorKind::kContainer, "another number");
}

// Z06: the same as a whole archive. The hidden entry names the header of the listed record.
TEST(OpenQuestion, ArchiveWithAHiddenEntry) {
  std::string file = small().build([](EndFields& f) { f.zip64 = false; });
  std::string hidden = file.substr(52, 49);
  hidden[48] = 'b';
  file.insert(101, hidden);
  file = testing::patched(file, file.size() - 22 + 12, u32(98));
  EXPECT_ERROR(ZipArchive::open(source_of(file), {}), ErrorKind::kContainer);
}

// Q02: where only a later value stands elsewhere, a field too short for it is passed over.
TEST(OpenQuestion, Zip64FieldTooShortForTheOnlyValueThatIsElsewhere) {
  for (const std::string& data : {std::string(), std::string(7, '\0')}) {
    EXPECT_ERROR(directory_with_entry([&](CentralFields& f) {
                   f.header_offset = 0xFFFFFFFF;
                   f.extra = extra_field(1, data);
                 }),
                 ErrorKind::kContainer, "too short");
    EXPECT_ERROR(directory_with_entry([&](CentralFields& f) {
                   f.method = 8;
                   f.stored_bytes = 0xFFFFFFFF;
                   f.extra = extra_field(1, data);
                 }),
                 ErrorKind::kContainer, "too short");
  }
}

// Q02, Q03, Q08, N03 in the local header, whose extra field is not looked at.
TEST(OpenQuestion, LocalExtraFieldsThatContradictTheRecord) {
  const std::string extras[] = {
      extra_field(1, u64(4) + u64(4)),                                    // Q03
      extra_field(1, u64(3) + u64(3)) + extra_field(1, u64(3) + u64(3)),  // Q02
      u16(0xcafe) + u16(100) + "1234",                                    // Q08
      extra_field(0x7075, "\1" + u32(0x352441c2) + "m/b"),                // N03
  };
  for (const std::string& extra : extras) {
    const auto file =
        ZipBuilder(0)
            .add("m/a", "abc",
                 by_other_tool_with_local("abc", [&](LocalFields& f) { f.extra = extra; }))
            .build();
    EXPECT_FALSE(located(file).ok()) << extra;
  }
}

// N06: the mode of a link counts only if the entry says that Unix made it.
TEST(OpenQuestion, LinksMadeByOtherSystems) {
  for (const std::uint16_t made_by : {std::uint16_t{0}, std::uint16_t{0x1314}}) {
    EXPECT_ERROR(directory_with_entry([=](CentralFields& f) {
                   f.made_by = made_by;
                   f.external_attributes = 0120777u << 16;
                 }),
                 ErrorKind::kName)
        << made_by;
  }
}

// zip_local.h: "must fill the file without gap": without records, anything may stand there.
TEST(OpenQuestion, BytesInFrontOfAnEmptyDirectory) {
  EXPECT_ERROR(located(ZipBuilder().build({}, "anything at all")), ErrorKind::kContainer);
}

// record_reader.h: "The same errors" as read_record, of which expansion is one: a hole of a
// terabyte is read to its end. (A hole of 1 GiB here.)
TEST(OpenQuestion, VerifyRecordReadsHoles) {
  const Record record{.name = "m/a",
                      .header_offset = 0,
                      .data_offset = 0,
                      .stored_bytes = 1 << 30,
                      .bytes = 1 << 30,
                      .crc32 = 1,
                      .flags = 0,
                      .compression = Compression::kStored};
  EXPECT_ERROR(verify_record(testing::SparseSource("abc", 1, 1 << 30), record, {}),
               ErrorKind::kLimit);
}

// --- Refused as another kind than the catalogue's ------------------------------------------------

TEST(OpenQuestion, Z07DirectoryOutsideOfTheFileIsBounds) {
  const struct {
    std::uint64_t offset, bytes;
  } cases[] = {{1'000'000, 49}, {52, 1'000'000}, {60, 49}, {~std::uint64_t{0} - 10, 62}};
  for (const auto& c : cases) {
    EXPECT_ERROR(zip::find_directory(source_of(small().build([&](EndFields& f) {
                                       saturate(f);
                                       f.end64.directory_offset = c.offset;
                                       f.end64.directory_bytes = c.bytes;
                                     })),
                                     {}),
                 ErrorKind::kBounds);
  }
}

TEST(OpenQuestion, Z09CountOfThisDiskUnlikeTheTotalIsUnsupported) {
  EXPECT_ERROR(zip::find_directory(source_of(small().build([](EndFields& f) {
                                     f.zip64 = false;
                                     f.disk_records = 0;
                                   })),
                                   {}),
               ErrorKind::kUnsupported);
}

TEST(OpenQuestion, Z15DataThatOverlapsTheNextHeaderIsContainer) {
  const auto file =
      ZipBuilder(0)
          .add("m/a", "abc", {.central = [](CentralFields& f) { f.bytes = f.stored_bytes = 60; }})
          .add("m/b", "defg")
          .build();
  EXPECT_ERROR(located(file), ErrorKind::kContainer);
}

TEST(OpenQuestion, Q06DirectoryOfATerabyteIsLimit) {
  EXPECT_ERROR(zip::find_directory(source_of(small().build([](EndFields& f) {
                                     saturate(f);
                                     f.end64.directory_bytes = std::uint64_t{1} << 40;
                                   })),
                                   {}),
               ErrorKind::kLimit);
}

TEST(OpenQuestion, Z28ModelArchiveIsUnsupported) {
  EXPECT_ERROR(TorchArchive::open(source_of(ZipBuilder()
                                                .add("MAR-INF/MANIFEST.json", "{}")
                                                .add("model.py", "import torch")
                                                .add("model.pt", "PK")
                                                .build()),
                                  {}, true),
               ErrorKind::kUnsupported);
}

// --- Refused, but to be loaded -------------------------------------------------------------------

// Z05 in its bracket, V08: torch loads it from a stream that stands behind the foreign header.
TEST(OpenQuestion, ForeignHeaderInFrontOfTheArchive) {
  EXPECT_OK(TorchArchive::open(source_of("foreign" + CheckpointBuilder().build()), {}, true));
}

// torch.save(state, "a:b.pt") makes this folder, and torch.load reads it. N01 says drive letter.
TEST(OpenQuestion, FolderOfOneLetterAndAColon) {
  EXPECT_OK(TorchArchive::open(source_of(CheckpointBuilder().folder("a:b").build()), {}, true));
}

// --- What is said --------------------------------------------------------------------------------

// The lengths 640, 896, 1152 and 1408 begin as pickles of protocols 2 to 5 do.
TEST(OpenQuestion, SafetensorsWithAHeaderWhoseLengthLooksLikeAPickle) {
  for (const std::uint64_t length : {640u, 896u, 1152u, 1408u}) {
    const std::string header = "{\"a\":1}" + std::string(length - 7, ' ');
    EXPECT_EQ(identify(source_of(u64(length) + header)).value(), FileKind::kSafetensors) << length;
  }
}

// torch.save(..., pickle_protocol=3 or 4, _use_new_zipfile_serialization=False)
TEST(OpenQuestion, LegacyStreamsOfOtherProtocols) {
  const std::string magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
  EXPECT_EQ(identify(source_of("\x80\x03" + magic)).value(), FileKind::kLegacyStream);
  EXPECT_EQ(identify(source_of("\x80\x04\x95" + u64(13) + magic)).value(), FileKind::kLegacyStream);
}

// zip_cut.h: "the bytes present of it". Behind its data, those of other structures are counted.
TEST(OpenQuestion, CutBehindARecordCountsMoreThanItsBytes) {
  const std::string file = ZipBuilder(0).add("m/a", "abc").add("m/b", "defg").build();
  for (const std::size_t size : {37u, 52u, 84u}) {  // "m/a" ends at 36
    const Error error = zip::explain_cut(source_of(std::string_view(file).substr(0, size)));
    EXPECT_EQ(error.record(), "m/a");
    EXPECT_EQ(error.offset(), 3u) << size;
  }
  for (const std::size_t size :
       {90u, 105u, 200u}) {  // "m/b" ends at 89, the directory begins at 105
    const Error error = zip::explain_cut(source_of(std::string_view(file).substr(0, size)));
    EXPECT_EQ(error.offset(), 4u) << size;
  }
}

// Files saved to a buffer all have the folder "archive", so one inside a tensor is not told apart.
TEST(OpenQuestion, CutInATensorThatHoldsACheckpointOfTheSameFolder) {
  const std::string inner = ZipBuilder().add("archive/data/7", "xyz").build();
  const std::string file = ZipBuilder().add("archive/data/0", inner).build();
  const Error error = zip::explain_cut(source_of(std::string_view(file).substr(0, 64 + 200)));
  EXPECT_EQ(error.record(), "archive/data/0");
}

// zip_end.h: a file that was cut short "names the record that is cut".
TEST(OpenQuestion, CutFileWithAnEndRecordInItsData) {
  const std::string file = ZipBuilder(0).add("m/a", "PK\x05\x06" + std::string(200, 'x')).build();
  EXPECT_ERROR(zip::find_directory(source_of(std::string_view(file).substr(0, 150)), {}),
               ErrorKind::kContainer, "in record 'm/a'");
}

// Z11: the record with the wrong offset is "m/b", the one that is named "m/a".
TEST(OpenQuestion, WrongOffsetIsReportedForTheRecordBefore) {
  const std::string file =
      ZipBuilder(0)
          .add("m/a", "abc")
          .add("m/b", "abc", {.central = [](CentralFields& f) { f.header_offset = 1'000'000; }})
          .build();
  EXPECT_ERROR(located(file), ErrorKind::kBounds, "in record 'm/b'");
}

}  // namespace
}  // namespace hardload
