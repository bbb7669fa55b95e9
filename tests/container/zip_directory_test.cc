// read_directory gives the entries as they stand there, and refuses what one entry can say wrong.

#include "loader/container/zip_directory.h"

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/container/other_tools.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::CentralFields;
using testing::directory_of;
using testing::directory_with_entry;
using testing::EndFields;
using testing::u16;
using testing::ZipBuilder;

TEST(ReadDirectory, GivesTheRecords) {
  const std::string text(1000, 't');
  const auto listing = directory_of(
      ZipBuilder(0).add("m/b", "abc").add("m/a", text, {.deflate = true}).add("m/", "").build());
  ASSERT_OK(listing);
  ASSERT_EQ(listing->records.size(), 3u);
  const Record& stored = listing->records[0];
  EXPECT_EQ(stored.name, "m/b");
  EXPECT_EQ(stored.header_offset, 0u);
  EXPECT_EQ(stored.stored_bytes, 3u);
  EXPECT_EQ(stored.bytes, 3u);
  EXPECT_EQ(stored.crc32, 0x352441c2u);
  EXPECT_EQ(stored.flags, 0x0808);
  EXPECT_EQ(stored.compression, Compression::kStored);
  const Record& deflated = listing->records[1];
  EXPECT_EQ(deflated.name, "m/a");
  EXPECT_EQ(deflated.header_offset, 52u);
  EXPECT_EQ(deflated.stored_bytes, testing::deflated(text).size());
  EXPECT_EQ(deflated.bytes, 1000u);
  EXPECT_EQ(deflated.compression, Compression::kDeflated);
  EXPECT_EQ(listing->records[2].name, "m/");
  EXPECT_EQ(listing->records[2].bytes, 0u);
}

TEST(ReadDirectory, SkipsCommentsAndUnknownExtraFields) {
  const auto listing =
      directory_of(ZipBuilder(0)
                       .add("m/a", "abc",
                            {.central =
                                 [](CentralFields& f) {
                                   f.extra =
                                       testing::extra_field(0x5455, "\x01time") +  // Unix time
                                       testing::extra_field(0xcafe, "");
                                   f.comment = "PK\x01\x02 comment";
                                 }})
                       .add("m/b", "")
                       .build());
  ASSERT_OK(listing);
  ASSERT_EQ(listing->records.size(), 2u);
  EXPECT_EQ(listing->records[0].name, "m/a");
  EXPECT_EQ(listing->records[1].name, "m/b");
}

TEST(ReadDirectory, AllowsTheFlagsOfOrdinaryWriters) {
  constexpr std::uint16_t kFlags[] = {0x0000, 0x0002, 0x0004, 0x0006, 0x0008, 0x0800, 0x080e};
  for (const std::uint16_t flags : kFlags) {
    const auto listing = directory_with_entry([=](CentralFields& f) { f.flags = flags; });
    ASSERT_OK(listing) << flags;
    EXPECT_EQ(listing->records[0].flags, flags);
  }
}

TEST(ReadDirectory, RefusesUnknownFlags) {  // Z17
  EXPECT_ERROR(directory_with_entry([](CentralFields& f) { f.flags = 0x0809; }),
               ErrorKind::kUnsupported,
               "in record 'm/a' at byte 52 of the file: the record is encrypted");
  constexpr std::uint16_t kFlags[] = {0x0010, 0x0020, 0x0040, 0x0080, 0x0100, 0x0200,
                                      0x0400, 0x1000, 0x2000, 0x4000, 0x8000, 0x0828};
  for (const std::uint16_t flags : kFlags) {
    EXPECT_ERROR(
        directory_with_entry([=](CentralFields& f) { f.flags = flags; }), ErrorKind::kUnsupported,
        "in record 'm/a' at byte 52 of the file: the record has flags " + std::to_string(flags));
  }
}

TEST(ReadDirectory, RefusesOtherCompressionMethods) {  // Z18
  constexpr std::uint16_t kMethods[] = {1, 6, 7, 9, 12, 14, 93, 95, 98, 99, 65'535};
  for (const std::uint16_t method : kMethods) {
    EXPECT_ERROR(directory_with_entry([=](CentralFields& f) { f.method = method; }),
                 ErrorKind::kUnsupported,
                 "in record 'm/a' at byte 52 of the file: the record is compressed with method " +
                     std::to_string(method));
  }
}

TEST(ReadDirectory, RefusesRecordsOnOtherDisks) {  // Z09
  constexpr std::uint16_t kDisks[] = {1, 0xFFFF};
  for (const std::uint16_t disk : kDisks) {
    EXPECT_ERROR(directory_with_entry([=](CentralFields& f) { f.disk = disk; }),
                 ErrorKind::kUnsupported,
                 "in record 'm/a' at byte 52 of the file: the record lies on another");
  }
}

TEST(ReadDirectory, RefusesBrokenSignatures) {  // Z10
  const auto build = [](std::uint32_t signature) {
    return ZipBuilder(0)
        .add("m/a", "abc")
        .add("m/b", "abc", {.central = [=](CentralFields& f) { f.signature = signature; }})
        .build();
  };
  EXPECT_OK(directory_of(build(0x02014b50)));
  for (const std::uint32_t signature : {0x02014b51u, 0x04034b50u, 0u}) {
    EXPECT_ERROR(directory_of(build(signature)), ErrorKind::kContainer,
                 "at byte 153: entry 1 of the central directory is broken");
  }
}

TEST(ReadDirectory, RefusesEntriesThatRunPastTheDirectory) {  // Z10
  constexpr std::size_t kDirectoryAt = 52;
  const std::string bytes = ZipBuilder(0).add("m/a", "abc").build();
  for (const std::size_t length_at : {28u, 30u, 32u}) {  // name, extra, comment
    const std::uint16_t right = length_at == 28 ? 3 : 0;
    EXPECT_OK(directory_of(testing::patched(bytes, kDirectoryAt + length_at, u16(right))));
    for (const int more : {1, 65'000}) {
      const auto wrong = static_cast<std::uint16_t>(right + more);
      EXPECT_ERROR(directory_of(testing::patched(bytes, kDirectoryAt + length_at, u16(wrong))),
                   ErrorKind::kBounds, "at byte 52: entry 0 runs past the central directory");
    }
  }
}

TEST(ReadDirectory, RefusesAnotherNumberOfRecords) {  // Z06
  const auto declaring = [](std::uint16_t records) {
    return directory_of(
        ZipBuilder(0).add("m/a", "").add("m/b", "").add("m/c", "").build([=](EndFields& f) {
          f.records = f.disk_records = records;
          f.end64.records = f.end64.disk_records = records;
        }));
  };
  EXPECT_OK(declaring(3));
  constexpr std::uint16_t kWrong[] = {0, 1, 2};
  for (const std::uint16_t records : kWrong) {
    EXPECT_ERROR(declaring(records), ErrorKind::kContainer,
                 "the archive declares " + std::to_string(records) +
                     " records, but its directory holds another number");
  }
  // Entries over the number are not read.
  EXPECT_ERROR(directory_of(ZipBuilder(0).add("m/a", "").add("../b", "").build([](EndFields& f) {
                 f.records = f.disk_records = 1;
                 f.end64.records = f.end64.disk_records = 1;
               })),
               ErrorKind::kContainer, "declares 1 records, but its directory holds another number");
  // As the directory's 147 bytes hold no fourth entry, 46 bytes of which are fixed.
  EXPECT_ERROR(declaring(4), ErrorKind::kContainer, "too few for 4 records");
  EXPECT_ERROR(
      directory_of(ZipBuilder(0).add("m/" + std::string(46, 'a'), "").build([](EndFields& f) {
        f.records = f.disk_records = 2;
        f.end64.records = f.end64.disk_records = 2;
      })),
      ErrorKind::kContainer, "declares 2 records, but its directory holds another number");
}

TEST(ReadDirectory, TakesNoMemoryForRecordsThatCannotBeThere) {  // Q06
  const std::string bytes = ZipBuilder(0).add("m/a", "").build([](EndFields& f) {
    f.records = f.disk_records = 0xFFFF;
    f.end64.records = f.end64.disk_records = std::uint64_t{1} << 63;
  });
  EXPECT_ERROR(directory_of(bytes, {.max_records = ~std::uint64_t{0}}), ErrorKind::kContainer,
               "too few for 9223372036854775808 records");
}

TEST(ReadDirectory, RefusesMoreRecordsThanFitWithoutZip64) {  // Z20
  const auto with_records = [](int count) {
    ZipBuilder zip(0);
    for (int i = 0; i < count; ++i) zip.add("m/" + std::to_string(i), "");
    return directory_of(zip.build([](EndFields& f) { f.zip64 = false; }));
  };
  const auto most = with_records(0xFFFF);
  ASSERT_OK(most);
  EXPECT_EQ(most->records.size(), 0xFFFFu);
  EXPECT_ERROR(with_records(0x10000), ErrorKind::kContainer, "declares 0 records");
}

TEST(ReadDirectory, RefusesContradictorySizes) {  // C01, C08
  EXPECT_ERROR(directory_with_entry([](CentralFields& f) { f.bytes = 4; }), ErrorKind::kContainer,
               "in record 'm/a' at byte 52 of the file: a stored record has two different sizes");
  EXPECT_ERROR(directory_with_entry([](CentralFields& f) { f.stored_bytes = 2; }),
               ErrorKind::kContainer, "a stored record has two different sizes");
  EXPECT_ERROR(directory_with_entry([](CentralFields& f) { f.method = 8, f.stored_bytes = 0; }),
               ErrorKind::kContainer, "a record without bytes is said to have content");
  EXPECT_OK(directory_with_entry([](CentralFields& f) { f.method = 8, f.stored_bytes = 2; }));
}

}  // namespace
}  // namespace hardload::zip
