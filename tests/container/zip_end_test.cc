// find_directory accepts one end record that closes the file and touches the directory.

#include "loader/container/zip_end.h"

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/container/sources.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::EndFields;
using testing::source_of;
using testing::u16;
using testing::u32;
using testing::ZipBuilder;

// The layout of the file that most tests begin with, without and with zip64 structures.
constexpr std::uint64_t kDirectoryAt = 52, kDirectoryBytes = 49, kEndAt = 101;
ZipBuilder small() { return ZipBuilder(0).add("m/a", "abc"); }

void without_zip64(EndFields& f) { f.zip64 = false; }

std::string with_comment(std::string comment) {
  return small().build([&](EndFields& f) {
    f.zip64 = false;
    f.comment = std::move(comment);
  });
}

Result<Directory> find(std::string_view bytes, const Limits& limits = {}) {
  return find_directory(source_of(bytes), limits);
}

void expect_found(const Result<Directory>& found) {
  ASSERT_OK(found);
  EXPECT_EQ(found->offset, kDirectoryAt);
  EXPECT_EQ(found->bytes, kDirectoryBytes);
  EXPECT_EQ(found->records, 1u);
}

TEST(FindDirectory, ReadsThePlainEndRecord) { expect_found(find(small().build(without_zip64))); }

TEST(FindDirectory, AllowsAComment) {
  expect_found(find(with_comment("made by hand")));
  expect_found(find(with_comment(std::string(65'535, 'c'))));
  expect_found(find(with_comment("PK\x05")));
}

TEST(FindDirectory, FindsNoRecordsInAnEmptyArchive) {
  const auto found = find(ZipBuilder().build(without_zip64));
  ASSERT_OK(found);
  EXPECT_EQ(found->records, 0u);
  EXPECT_EQ(found->bytes, 0u);
}

TEST(FindDirectory, RefusesLessThanAnEndRecord) {  // Z01
  const std::string empty_archive = ZipBuilder().build(without_zip64);
  const std::string archive = small().build();
  ASSERT_EQ(empty_archive.size(), 22u);
  for (std::size_t size = 0; size < 22; ++size) {
    const std::string part = "a zip file has at least 22 bytes, this one " + std::to_string(size);
    EXPECT_ERROR(find(archive.substr(0, size)), ErrorKind::kTooShort, part);
    EXPECT_ERROR(find(empty_archive.substr(22 - size)), ErrorKind::kTooShort, part);
  }
}

TEST(FindDirectory, RefusesAFileWithoutEndRecord) {  // Z02
  const std::string bytes = small().build(without_zip64);
  EXPECT_ERROR(find(bytes.substr(0, kEndAt)), ErrorKind::kContainer,
               "cut short: it has 101 bytes and no end record");
  // An end record that no comment is long enough to reach.
  EXPECT_ERROR(find(bytes + std::string(65'536, 'x')), ErrorKind::kContainer, "no end record");
}

TEST(FindDirectory, NamesTheRecordThatIsCut) {  // Z02
  // Also where its data has the signature of an end record.
  for (const std::string_view content : {"plain", "PK\x05\x06"}) {
    const std::string data = std::string(content) + std::string(200, 'x');
    const std::string file = ZipBuilder(0).add("m/a", data).build(without_zip64);
    EXPECT_OK(find(file));
    EXPECT_ERROR(find(file.substr(0, 150)), ErrorKind::kContainer,
                 "in record 'm/a' at byte 150 of the file: the zip file is cut short");
  }
}

TEST(FindDirectory, RefusesBytesAfterTheEndRecord) {  // Z03
  const std::string bytes = small().build(without_zip64);
  const std::string_view part = "at byte 101: the zip file's end record is not at its end";
  EXPECT_ERROR(find(bytes + "x"), ErrorKind::kContainer, part);
  EXPECT_ERROR(find(bytes + std::string(65'535, '\0')), ErrorKind::kContainer, part);
  EXPECT_ERROR(find(with_comment("abc") + "x"), ErrorKind::kContainer, part);
}

// In front of it is no room for the locator by which it would be the end of a zip64 file.
TEST(FindDirectory, AnEndRecordOfNoDirectoryMayStandAtTheBeginning) {
  const std::string end = ZipBuilder().build(without_zip64);
  for (const std::size_t before : {1u, 19u, 20u, 75u}) {
    const std::string bytes = std::string(before, 'x') + end + "x";
    EXPECT_ERROR(find(bytes), ErrorKind::kContainer, "and no end record") << before;
  }
  EXPECT_ERROR(find(end + "x"), ErrorKind::kContainer,
               "at byte 0: the zip file's end record is not");
}

TEST(FindDirectory, RefusesACommentThatEndsElsewhere) {  // Z03
  const std::string bytes = with_comment("abc");
  const std::string_view part = "at byte 101: the zip file's end record is not at its end";
  EXPECT_ERROR(find(bytes.substr(0, bytes.size() - 1)), ErrorKind::kContainer, part);
  constexpr std::size_t kCommentBytesAt = kEndAt + 20;
  expect_found(find(testing::patched(bytes, kCommentBytesAt, u16(3))));
  constexpr std::uint16_t kWrong[] = {0, 2, 4, 65'535};
  for (const std::uint16_t size : kWrong) {
    EXPECT_ERROR(find(testing::patched(bytes, kCommentBytesAt, u16(size))), ErrorKind::kContainer,
                 part);
  }
}

TEST(FindDirectory, RefusesASecondEndRecordInTheComment) {  // Z04
  const std::string other = ZipBuilder().build(without_zip64);
  const std::string_view part = "the zip file has two end records, which makes it ambiguous";
  const struct {
    std::string comment;
    int at;
  } cases[] = {
      {other, 123},
      // Others take this one, although it does not close the file.
      {other + "x", 123},
      {"x" + other + std::string(100, 'x'), 124},
      {other + other, 145},
  };
  for (const auto& [comment, at] : cases) {
    EXPECT_ERROR(find(with_comment(comment)), ErrorKind::kContainer,
                 "at byte " + std::to_string(at) + ": " + std::string(part));
  }
  // Too short to be a record.
  expect_found(find(with_comment(other.substr(0, 21))));
}

TEST(FindDirectory, RefusesASecondEndRecordInTheDataIfItClosesTheFileToo) {  // Z04
  const auto with_data = [](std::uint16_t comment_bytes) {
    const std::string end = u32(0x06054b50) + std::string(16, '\0') + u16(comment_bytes);
    return ZipBuilder(0).add("m/a", end).build(without_zip64);
  };
  const std::size_t after_it = with_data(0).size() - 33 - 22;
  EXPECT_ERROR(find(with_data(static_cast<std::uint16_t>(after_it))), ErrorKind::kContainer,
               "the zip file has two end records, which makes it ambiguous");
  // As the data of a tensor it is harmless.
  EXPECT_OK(find(with_data(0)));
  EXPECT_OK(find(with_data(static_cast<std::uint16_t>(after_it - 1))));
}

TEST(FindDirectory, RefusesBytesBetweenDirectoryAndEndRecord) {  // Z08
  for (const std::string_view bytes : {"x", "PK\x06\x06", "PK\x01\x02"}) {
    EXPECT_ERROR(find(small().build(without_zip64, "", bytes)), ErrorKind::kContainer,
                 "the central directory is declared at byte 52 with 49 bytes, but ends at byte " +
                     std::to_string(kEndAt + bytes.size()));
  }
}

TEST(FindDirectory, RefusesADirectoryDeclaredElsewhere) {  // Z07, Q06
  const auto declared = [](std::uint32_t offset, std::uint32_t bytes) {
    return find(small().build([=](EndFields& f) {
      f.zip64 = false;
      f.directory_offset = offset;
      f.directory_bytes = bytes;
    }));
  };
  expect_found(declared(52, 49));
  EXPECT_ERROR(declared(51, 49), ErrorKind::kContainer, "but ends at byte 101");
  EXPECT_ERROR(declared(52, 48), ErrorKind::kContainer, "but ends at byte 101");
  EXPECT_ERROR(declared(0, 0), ErrorKind::kContainer, "but ends at byte 101");
  EXPECT_ERROR(declared(53, 49), ErrorKind::kBounds,
               "at byte 101: the central directory is declared at byte 53 with 49 bytes, which "
               "reach past byte 101, where the end records begin");
  EXPECT_ERROR(declared(52, 50), ErrorKind::kBounds, "with 50 bytes, which reach past byte 101");
  EXPECT_ERROR(declared(52, 1'000'000), ErrorKind::kBounds, "which reach past byte 101");
  // Saturated fields mean nothing without zip64 structures.
  EXPECT_ERROR(declared(0xFFFFFFFF, 49), ErrorKind::kBounds, "which reach past byte 101");
  EXPECT_ERROR(declared(52, 0xFFFFFFFF), ErrorKind::kLimit, "takes 4294967295 bytes");
}

TEST(FindDirectory, RefusesSeveralDisks) {  // Z09
  const auto with_disks = [](std::uint16_t disk, std::uint16_t directory_disk) {
    return find(small().build([=](EndFields& f) {
      f.zip64 = false;
      f.disk = disk;
      f.directory_disk = directory_disk;
    }));
  };
  expect_found(with_disks(0, 0));
  EXPECT_ERROR(with_disks(1, 0), ErrorKind::kUnsupported, "at byte 101: the zip file spans");
  EXPECT_ERROR(with_disks(0, 1), ErrorKind::kUnsupported, "at byte 101: the zip file spans");
  EXPECT_ERROR(with_disks(0xFFFF, 0xFFFF), ErrorKind::kUnsupported, "several disks");
}

TEST(FindDirectory, RefusesTwoCountsOfRecords) {  // Z09
  const auto counting = [](std::uint16_t disk_records) {
    return find(small().build([=](EndFields& f) {
      f.zip64 = false;
      f.disk_records = disk_records;
    }));
  };
  expect_found(counting(1));
  EXPECT_ERROR(counting(0), ErrorKind::kUnsupported, "at byte 101: the zip file spans");
  EXPECT_ERROR(counting(2), ErrorKind::kUnsupported, "at byte 101: the zip file spans");
}

TEST(FindDirectory, KeepsToItsLimits) {  // Z20, N10
  const std::string bytes = ZipBuilder(0).add("m/a", "").add("m/b", "").build(without_zip64);
  EXPECT_OK(find(bytes, {.max_directory_bytes = 98, .max_records = 2}));
  EXPECT_ERROR(find(bytes, {.max_directory_bytes = 97}), ErrorKind::kLimit,
               "takes 98 bytes, over max_directory_bytes, 97");
  EXPECT_ERROR(find(bytes, {.max_records = 1}), ErrorKind::kLimit,
               "declares 2 records, over max_records, 1");
}

TEST(FindDirectory, HandsOnErrorsOfReading) {
  const std::string bytes = small().build();
  int reads = 0;
  while (!find_directory(testing::FailingSource(bytes, reads), {}).ok()) {
    EXPECT_ERROR(find_directory(testing::FailingSource(bytes, reads), {}), ErrorKind::kIo);
    ASSERT_LT(++reads, 10);
  }
  EXPECT_GE(reads, 3);
}

}  // namespace
}  // namespace hardload::zip
