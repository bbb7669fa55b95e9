// ZipArchive reads what other zip tools write, byte for byte.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/zip_archive.h"
#include "tests/container/other_tools.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::by_other_tool;
using testing::by_other_tool_with_central;
using testing::CentralFields;
using testing::source_of;
using testing::ZipBuilder;

// Each of these holds m/data.pkl, "abc", and m/data/0, 200 zeros.

// Python's zipfile: a folder, stored, deflated, a comment.
const std::string kPython =
    "PK\x03\x04\x14\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0m/PK\x03\x04\x14\0\0\0\0"
    "\0\xcf\x63!Y\xc2\x41$5\x03\0\0\0\x03\0\0\0\x0a\0\0\0m/data.pklabcPK\x03\x04\x14\0\0\0\x08\0"
    "\xcf\x63!Yv\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\0\0m/data/0c`\x18\x1e\0\0PK\x01\x02\x14\x03"
    "\x14\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\xed\x41\0\0\0\0"
    "m/PK\x01\x02\x14\x03\x14\0\0\0\0\0\xcf\x63!Y\xc2\x41$5\x03\0\0\0\x03\0\0\0\x0a\0\0\0\0\0\0\0"
    "\0\0\0\0\x80\x01 \0\0\0m/data.pklPK\x01\x02\x14\x03\x14\0\0\0\x08\0\xcf\x63!Yv\xa8q\xc9\x06"
    "\0\0\0\xc8\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x80\x01K\0\0\0m/data/0PK\x05\x06\0\0\0\0\x03\0"
    "\x03\0\x9e\0\0\0w\0\0\0\x04\0note"s;

// Python's zipfile, force_zip64.
const std::string kPython64 =
    "PK\x03\x04-\0\0\0\0\0\xcf\x63!Y\xc2\x41$5\xff\xff\xff\xff\xff\xff\xff\xff\x0a\0\x14\0m/data."
    "pkl\x01\0\x10\0\x03\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0abcPK\x03\x04-\0\0\0\x08\0\xcf\x63!Yv\xa8"
    "q\xc9\xff\xff\xff\xff\xff\xff\xff\xff\x08\0\x14\0m/data/0\x01\0\x10\0\xc8\0\0\0\0\0\0\0\x06"
    "\0\0\0\0\0\0\0c`\x18\x1e\0\0PK\x01\x02-\x03-\0\0\0\0\0\xcf\x63!Y\xc2\x41$5\x03\0\0\0\x03\0\0"
    "\0\x0a\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0m/data.pklPK\x01\x02-\x03-\0\0\0\x08\0\xcf\x63!Y"
    "v\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x80\x01\x3f\0\0\0m/data/0PK\x05\x06"
    "\0\0\0\0\x02\0\x02\0n\0\0\0\x7f\0\0\0\0\0"s;

// Python's zipfile to a stream, force_zip64.
const std::string kPythonStream64 =
    "PK\x03\x04-\0\x08\0\0\0\xcf\x63!Y\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x0a\0\x14\0m/data."
    "pkl\x01\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abcPK\x07\x08\xc2\x41$5\x03\0\0\0\0\0\0\0\x03"
    "\0\0\0\0\0\0\0PK\x03\x04-\0\x08\0\x08\0\xcf\x63!Y\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
    "\x08\0\x14\0m/data/0\x01\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0c`\x18\x1e\0\0PK\x07\x08v"
    "\xa8q\xc9\x06\0\0\0\0\0\0\0\xc8\0\0\0\0\0\0\0PK\x01\x02-\x03-\0\x08\0\0\0\xcf\x63!Y\xc2\x41$"
    "5\x03\0\0\0\x03\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0m/data.pklPK\x01\x02-\x03-\0"
    "\x08\0\x08\0\xcf\x63!Yv\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x80\x01W\0\0"
    "\0m/data/0PK\x05\x06\0\0\0\0\x02\0\x02\0n\0\0\0\xaf\0\0\0\0\0"s;

// Info-ZIP.
const std::string kInfoZip =
    "PK\x03\x04\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x1c\0m/UT\x09\0\x03\x66^"
    "\xd4\x66\x31\xd0\x04kux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x03\x04\x0a\0\0\0\0\0\xcf\x63!Y"
    "\xc2\x41$5\x03\0\0\0\x03\0\0\0\x0a\0\x1c\0m/data.pklUT\x09\0\x03\x66^\xd4\x66\x66^\xd4\x66ux"
    "\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0abcPK\x03\x04\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0"
    "\0\0\x07\0\x1c\0m/data/UT\x09\0\x03\x66^\xd4\x66\x31\xd0\x04kux\x0b\0\x01\x04\0\0\0\0\x04\0"
    "\0\0\0PK\x03\x04\x14\0\0\0\x08\0\xcf\x63!Yv\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\x1c\0m/data/0"
    "UT\x09\0\x03\x66^\xd4\x66\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0c`\x18\x1e\0\0PK"
    "\x01\x02\x1e\x03\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x18\0\0\0\0\0\0\0\x10"
    "\0\xed\x41\0\0\0\0m/UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01\x02"
    "\x1e\x03\x0a\0\0\0\0\0\xcf\x63!Y\xc2\x41$5\x03\0\0\0\x03\0\0\0\x0a\0\x18\0\0\0\0\0\x01\0\0\0"
    "\xa4\x81<\0\0\0m/data.pklUT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01"
    "\x02\x1e\x03\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\x18\0\0\0\0\0\0\0\x10\0"
    "\xed\x41\x83\0\0\0m/data/UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01"
    "\x02\x1e\x03\x14\0\0\0\x08\0\xcf\x63!Yv\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\x18\0\0\0\0\0\0\0"
    "\0\0\xa4\x81\xc4\0\0\0m/data/0UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0P"
    "K\x05\x06\0\0\0\0\x04\0\x04\x00\x33\x01\0\0\x0c\x01\0\0\0\0"s;

// Info-ZIP to a stream.
const std::string kInfoZipStream =
    "PK\x03\x04\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x1c\0m/UT\x09\0\x03\x66^"
    "\xd4\x66\x31\xd0\x04kux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x03\x04\x14\0\x08\0\x08\0\xcf"
    "\x63!Y\0\0\0\0\0\0\0\0\x03\0\0\0\x0a\0\x1c\0m/data.pklUT\x09\0\x03\x66^\xd4\x66\x31\xd0\x04k"
    "ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0KLJ\x06\0PK\x07\x08\xc2\x41$5\x05\0\0\0\x03\0\0\0PK\x03"
    "\x04\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\x1c\0m/data/UT\x09\0\x03\x66^\xd4"
    "\x66\x31\xd0\x04kux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x03\x04\x14\0\x08\0\x08\0\xcf\x63!Y"
    "\0\0\0\0\0\0\0\0\xc8\0\0\0\x08\0\x1c\0m/data/0UT\x09\0\x03\x66^\xd4\x66\x31\xd0\x04kux\x0b\0"
    "\x01\x04\0\0\0\0\x04\0\0\0\0c`\x18\x1e\0\0PK\x07\x08v\xa8q\xc9\x06\0\0\0\xc8\0\0\0PK\x01\x02"
    "\x1e\x03\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x18\0\0\0\0\0\0\0\x10\0\xed"
    "\x41\0\0\0\0m/UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01\x02\x1e"
    "\x03\x14\0\x08\0\x08\0\xcf\x63!Y\xc2\x41$5\x05\0\0\0\x03\0\0\0\x0a\0\x18\0\0\0\0\0\x01\0\0\0"
    "\xa4\x81<\0\0\0m/data.pklUT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01"
    "\x02\x1e\x03\x0a\0\0\0\0\0\xcf\x63!Y\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\x18\0\0\0\0\0\0\0\x10\0"
    "\xed\x41\x95\0\0\0m/data/UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0PK\x01"
    "\x02\x1e\x03\x14\0\x08\0\x08\0\xcf\x63!Yv\xa8q\xc9\x06\0\0\0\xc8\0\0\0\x08\0\x18\0\0\0\0\0\0"
    "\0\0\0\xa4\x81\xd6\0\0\0m/data/0UT\x05\0\x03\x66^\xd4\x66ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0"
    "\0PK\x05\x06\0\0\0\0\x04\0\x04\x00\x33\x01\0\0.\x01\0\0\0\0"s;

void expect_both_records(std::string_view file) {
  const MemorySource source = source_of(file);
  const auto archive = ZipArchive::open(source, {});
  ASSERT_OK(archive);
  const Limits limits;
  const struct {
    const char* name;
    std::string content;
  } expected[] = {{"m/data.pkl", "abc"}, {"m/data/0", std::string(200, '\0')}};
  for (const auto& [name, content] : expected) {
    const Record* record = archive->find(name);
    ASSERT_NE(record, nullptr) << name;
    EXPECT_NE(record->crc32, 0u);
    const auto read = read_record(source, *record, {.limits = limits});
    ASSERT_OK(read);
    EXPECT_EQ(read->text(), content);
  }
}

TEST(ZipArchiveOfOthers, ReadsPython) { expect_both_records(kPython); }
TEST(ZipArchiveOfOthers, ReadsPython64) { expect_both_records(kPython64); }
TEST(ZipArchiveOfOthers, ReadsPythonStream64) { expect_both_records(kPythonStream64); }
TEST(ZipArchiveOfOthers, ReadsInfoZip) { expect_both_records(kInfoZip); }
TEST(ZipArchiveOfOthers, ReadsInfoZipStream) { expect_both_records(kInfoZipStream); }

TEST(ZipArchiveOfOthers, ReadsFoldersAndAComment) {
  const auto archive = ZipArchive::open(source_of(kPython), {});
  ASSERT_OK(archive);
  ASSERT_EQ(archive->records().size(), 3u);
  EXPECT_EQ(archive->records()[0].name, "m/");
  EXPECT_EQ(archive->records()[0].bytes, 0u);
}

// Other tests have the builder make files of this shape.
TEST(ZipArchiveOfOthers, IsWhatTheBuilderMakesToo) {
  const std::string built =
      ZipBuilder(0)
          .add("m/", "",
               by_other_tool_with_central(
                   "", [](CentralFields& f) { f.external_attributes = (040755u << 16) | 0x10; }))
          .add("m/data.pkl", "abc", by_other_tool("abc"))
          .build();
  constexpr std::size_t kRecords = (30 + 2) + (30 + 10 + 3);
  constexpr std::size_t kEntries = (46 + 2) + (46 + 10);
  EXPECT_EQ(built.substr(0, kRecords), kPython.substr(0, kRecords));
  EXPECT_NE(kPython.find(built.substr(kRecords, kEntries)), std::string::npos);
}

}  // namespace
}  // namespace hardload
