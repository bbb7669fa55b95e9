// No prefix of a zip opens, and no flipped bit shows other records or contents unnoticed.

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/zip_archive.h"
#include "tests/container/other_tools.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::by_other_tool;
using testing::EndFields;
using testing::source_of;
using testing::ZipBuilder;

// All names and contents, CRCs verified, in directory order.
using Contents = std::vector<std::pair<std::string, std::string>>;

Result<Contents> contents_of(std::string_view file) {
  const MemorySource source = source_of(file);
  const Limits limits;
  HARDLOAD_ASSIGN(const ZipArchive archive, ZipArchive::open(source, limits));
  Contents contents;
  for (const Record& record : archive.records()) {
    HARDLOAD_ASSIGN(const Buffer content, read_record(source, record, {.limits = limits}));
    contents.emplace_back(record.name, content.text());
  }
  return contents;
}

const Contents kContents = {
    {"m/data.pkl", "abc"}, {"m/empty", ""}, {"m/data/0", std::string(60, 'd')}};

std::string in_torchs_shape() {
  ZipBuilder zip;
  for (const auto& [name, content] : kContents) zip.add(name, content);
  return zip.build();
}

std::string in_other_shape() {
  ZipBuilder zip(0);
  for (const auto& [name, content] : kContents) {
    zip.add(name, content, by_other_tool(content, name == "m/data/0"));
  }
  return zip.build([](EndFields& f) { f.zip64 = false; });
}

class ZipSweep : public ::testing::TestWithParam<std::string> {};

TEST_P(ZipSweep, OpensWhole) {
  const auto contents = contents_of(GetParam());
  ASSERT_OK(contents);
  EXPECT_EQ(*contents, kContents);
}

TEST_P(ZipSweep, RefusesEveryPrefix) {
  const std::string& file = GetParam();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto contents = contents_of(std::string_view(file).substr(0, size));
    ASSERT_FALSE(contents.ok()) << size;
    EXPECT_EQ(contents.error().kind(), size < 22 ? ErrorKind::kTooShort : ErrorKind::kContainer)
        << size;
  }
}

TEST_P(ZipSweep, RefusesEverySuffix) {
  const std::string& file = GetParam();
  for (std::size_t start = 1; start < file.size(); ++start) {
    EXPECT_FALSE(contents_of(std::string_view(file).substr(start)).ok()) << start;
  }
}

// A flipped bit is noticed, or stands where nothing is read from: times, versions, padding.
TEST_P(ZipSweep, NoticesEveryFlippedBitOrGivesTheSame) {
  std::string file = GetParam();
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const auto flip = [&] { file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << bit % 8)); };
    flip();
    const auto contents = contents_of(file);
    if (contents.ok()) {
      EXPECT_EQ(*contents, kContents) << "byte " << bit / 8 << ", bit " << bit % 8;
    } else {
      ++refused;
    }
    flip();
  }
  EXPECT_GT(refused, 4 * file.size());
}

// C12: who can alter a file can alter its checksums, too. A CRC-32 is no signature.
TEST(ZipOfOneAlteredByte, GivesAlteredContentWhereAllChecksumsFit) {
  const std::string file = ZipBuilder(0).add("m/a", "abc").build();
  const std::string altered = ZipBuilder(0).add("m/a", "abd").build();
  std::string mixed = file;
  mixed.replace(33, 3, altered, 33, 3);  // the content
  EXPECT_ERROR(contents_of(mixed), ErrorKind::kChecksum, "in record 'm/a'");
  mixed.replace(40, 4, altered, 40, 4);  // in the data descriptor
  EXPECT_ERROR(contents_of(mixed), ErrorKind::kContainer, "the data descriptor contradicts");
  mixed.replace(52 + 16, 4, altered, 52 + 16, 4);  // in the directory
  ASSERT_OK(contents_of(mixed));
  EXPECT_EQ(*contents_of(mixed), (Contents{{"m/a", "abd"}}));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ZipSweep, ::testing::Values(in_torchs_shape(), in_other_shape()));

}  // namespace
}  // namespace hardload
