// ZipArchive finds records by their exact name and refuses names that stand there twice.

#include "loader/container/zip_archive.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "tests/container/bytes.h"
#include "tests/container/sources.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::CentralFields;
using testing::DescriptorFields;
using testing::EndFields;
using testing::extra_field;
using testing::source_of;
using testing::u64;
using testing::ZipBuilder;

Result<ZipArchive> open(std::string_view file, const Limits& limits = {}) {
  return ZipArchive::open(source_of(file), limits);
}

TEST(ZipArchive, ListsRecordsInDirectoryOrder) {
  auto opened = open(ZipBuilder().add("m/b", "1").add("m/a", "2").add("m/c", "3").build());
  ASSERT_OK(opened);
  const ZipArchive archive = *std::move(opened);  // names live on after the file's bytes
  ASSERT_EQ(archive.records().size(), 3u);
  EXPECT_EQ(archive.records()[0].name, "m/b");
  EXPECT_EQ(archive.records()[1].name, "m/a");
  EXPECT_EQ(archive.records()[2].name, "m/c");
  EXPECT_EQ(archive.find("m/a"), &archive.records()[1]);
  EXPECT_EQ(archive.find("m/a")->data_offset, 128u);
}

TEST(ZipArchive, FindsExactNamesOnly) {
  const auto archive = open(ZipBuilder().add("m/data.pkl", "x").add("m/data/0", "y").build());
  ASSERT_OK(archive);
  EXPECT_NE(archive->find("m/data.pkl"), nullptr);
  for (const char* name : {"", "m", "m/", "m/data", "m/data.pk", "m/data.pklx", "M/data.pkl",
                           "m/DATA.PKL", "data.pkl", "m/data/00"}) {
    EXPECT_EQ(archive->find(name), nullptr) << name;
  }
}

TEST(ZipArchive, FindsEachOfManyRecords) {
  ZipBuilder zip(0);
  for (int i = 0; i < 3000; ++i) zip.add("m/data/" + std::to_string(i), "");
  const auto archive = open(zip.build());
  ASSERT_OK(archive);
  for (std::size_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(archive->find("m/data/" + std::to_string(i)), &archive->records()[i]);
  }
  EXPECT_EQ(archive->find("m/data/3000"), nullptr);
}

TEST(ZipArchive, OpensAnArchiveWithoutRecords) {
  const auto archive = open(ZipBuilder().build());
  ASSERT_OK(archive);
  EXPECT_TRUE(archive->records().empty());
  EXPECT_EQ(archive->find("m/a"), nullptr);
}

TEST(ZipArchive, RefusesTwoRecordsOfOneName) {  // Z23
  EXPECT_ERROR(open(ZipBuilder(0).add("m/a", "1").add("m/b", "2").add("m/a", "3").build()),
               ErrorKind::kName,
               "in record 'm/a' at byte 100 of the file: two records have this name");
  EXPECT_OK(open(ZipBuilder(0).add("m/a", "1").add("m/b", "2").add("m/c", "3").build()));
}

TEST(ZipArchive, RefusesNamesThatDifferInCaseOnly) {  // Z24
  EXPECT_ERROR(open(ZipBuilder(0).add("m/data.pkl", "1").add("m/DATA.PKL", "2").build()),
               ErrorKind::kName,
               "in record 'm/DATA.PKL' at byte 57 of the file: another record's name, "
               "'m/data.pkl', differs in upper and lower case only");
  EXPECT_ERROR(open(ZipBuilder(0).add("M/zZ", "1").add("m/Zz", "2").build()), ErrorKind::kName,
               "upper and lower case only");
  // Neither neighbours of the letters nor letters beyond ASCII.
  EXPECT_OK(open(ZipBuilder(0).add("m/@[`{", "").add("m/`{@[", "").add("m/@{`[", "").build()));
  EXPECT_OK(open(ZipBuilder(0).add("m/\xc3\x89", "").add("m/\xc3\xa9", "").build()));
}

TEST(ZipArchive, RefusesAHiddenEntry) {  // Z06
  // An entry of the directory that is not counted, for the header of the record that is.
  std::string file = ZipBuilder(0).add("m/a", "abc").build([](EndFields& f) { f.zip64 = false; });
  ASSERT_OK(open(file));
  std::string hidden = file.substr(52, 49);
  hidden[48] = 'b';
  file.insert(101, hidden);
  file = testing::patched(file, file.size() - 22 + 12, testing::u32(2 * 49));
  EXPECT_ERROR(open(file), ErrorKind::kContainer,
               "at byte 52: the archive declares 1 records, but its directory holds another");
}

TEST(ZipArchive, HandsOnTheErrorsOfEachStep) {
  EXPECT_ERROR(open(""), ErrorKind::kTooShort);  // Z01
  EXPECT_ERROR(open(ZipBuilder().add("m/a", "x").build() + "x"), ErrorKind::kContainer, "its end");
  EXPECT_ERROR(
      open(
          ZipBuilder().add("m/a", "x", {.central = [](CentralFields& f) { f.flags = 1; }}).build()),
      ErrorKind::kUnsupported, "encrypted");
  EXPECT_ERROR(open(ZipBuilder().add("m/a", "x").build({}, "between")), ErrorKind::kContainer,
               "belong to no record");
  const std::string two = ZipBuilder().add("m/a", "x").add("m/b", "x").build();
  EXPECT_ERROR(open(two, {.max_records = 1}), ErrorKind::kLimit, "max_records");
  EXPECT_ERROR(open(two, {.max_record_name_bytes = 2}), ErrorKind::kLimit, "max_record_name_bytes");
}

TEST(ZipArchive, OpensRecordsOfGigabytes) {
  // "m/big" takes 5 GiB of zeros and "m/after" begins behind it, as torch writes them.
  constexpr std::uint64_t kBig = std::uint64_t{5} << 30;
  const auto big = [=](auto& f) { f.bytes = f.stored_bytes = kBig; };
  constexpr std::uint64_t kHole = kBig - 1;
  ZipBuilder zip(0);
  zip.add("m/big", "x",
          {.descriptor = [=](DescriptorFields& f) { f.wide = true, big(f); },
           .central =
               [](CentralFields& f) {
                 f.bytes = f.stored_bytes = 0xFFFFFFFF;
                 f.extra = extra_field(1, u64(kBig) + u64(kBig));
               }});
  zip.add("m/after", "abc",
          {.descriptor = [](DescriptorFields& f) { f.wide = true; },
           .central =
               [](CentralFields& f) {
                 f.extra = extra_field(1, u64(f.header_offset + kHole));
                 f.header_offset = 0xFFFFFFFF;
               }});
  const std::string bytes = zip.build([](EndFields& f) {
    f.end64.directory_offset += kHole;
    f.directory_offset = 0xFFFFFFFF;
    f.locator.end64_offset += kHole;
  });
  const testing::SparseSource source(bytes, 36, kHole);
  const auto archive = ZipArchive::open(source, {});
  ASSERT_OK(archive);
  EXPECT_EQ(archive->find("m/big")->bytes, kBig);
  EXPECT_EQ(archive->find("m/big")->data_offset, 35u);
  EXPECT_EQ(archive->find("m/after")->header_offset, 35 + kBig + 24);
  const Limits limits;
  const auto after = read_record(source, *archive->find("m/after"), {.limits = limits});
  ASSERT_OK(after);
  EXPECT_EQ(after->text(), "abc");
}

TEST(ZipArchive, OpensEveryFileOfTheRealTorch) {
  for (const std::string& path : testing::golden_archives()) {
    const std::string file = testing::read_file(path);
    const MemorySource source = source_of(file);
    const auto archive = ZipArchive::open(source, {});
    ASSERT_OK(archive) << path;
    EXPECT_GE(archive->records().size(), 6u) << path;
    for (const Record& record : archive->records()) {
      EXPECT_OK(verify_record(source, record, {})) << path << " " << record.name;
    }
  }
}

}  // namespace
}  // namespace hardload
