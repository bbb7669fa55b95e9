// read_record and verify_record give the content that the archive declares, or say why not.

#include "loader/container/record_reader.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/crc32.h"
#include "tests/container/sources.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::as_bytes;
using testing::source_of;

constexpr std::uint64_t kTera = std::uint64_t{1} << 40;
const Limits kLimits;

Record stored_record(std::string_view content, std::uint64_t offset = 0) {
  return {.name = "m/a",
          .header_offset = 0,
          .data_offset = offset,
          .stored_bytes = content.size(),
          .bytes = content.size(),
          .crc32 = crc32(as_bytes(content)),
          .flags = 0,
          .compression = Compression::kStored};
}

// `stream` is the whole source.
Record deflated_record(std::string_view stream, std::string_view content) {
  Record record = stored_record(content);
  record.stored_bytes = stream.size();
  record.compression = Compression::kDeflated;
  return record;
}

void expect_content(std::string_view file, const Record& record, std::string_view content) {
  const MemorySource source = source_of(file);
  const auto read = read_record(source, record, {.limits = kLimits});
  ASSERT_OK(read);
  EXPECT_EQ(read->text(), content);
  EXPECT_OK(verify_record(source, record, kLimits));
}

void expect_error(std::string_view file, const Record& record, ErrorKind kind,
                  std::string_view part) {
  const MemorySource source = source_of(file);
  EXPECT_ERROR(read_record(source, record, {.limits = kLimits}), kind, part);
  EXPECT_ERROR(verify_record(source, record, kLimits), kind, part);
}

TEST(RecordReader, ReadsStoredRecords) {
  expect_content("..abc..", stored_record("abc", 2), "abc");
  expect_content("abc", stored_record("abc"), "abc");
}

TEST(RecordReader, ReadsDeflatedRecords) {
  const std::string content(5000, 'c');
  const std::string stream = testing::deflated(content);
  expect_content(stream, deflated_record(stream, content), content);
}

TEST(RecordReader, ReadsEmptyRecords) {  // C11
  expect_content("abc", stored_record("", 3), "");
  const std::string stream = testing::deflated("");
  expect_content(stream, deflated_record(stream, ""), "");
}

TEST(RecordReader, RefusesAWrongChecksum) {  // C09
  Record record = stored_record("abc");
  record.crc32 ^= 1;
  expect_error("abc", record, ErrorKind::kChecksum,
               "in record 'm/a': the record's CRC-32 is 891568578, but the archive says 891568579");
  expect_error("abd", stored_record("abc"), ErrorKind::kChecksum, "but the archive says 891568578");
  const std::string stream = testing::deflated("abd");
  expect_error(stream, deflated_record(stream, "abc"), ErrorKind::kChecksum, "CRC-32");
  record = stored_record("");
  record.crc32 = 1;
  expect_error("", record, ErrorKind::kChecksum, "the record's CRC-32 is 0");
}

TEST(RecordReader, ReadsRecordsWithoutChecksum) {  // C10
  Record record = stored_record("abc");
  record.crc32 = 0;
  expect_content("abc", record, "abc");
  const std::string stream = testing::deflated("abc");
  record = deflated_record(stream, "abc");
  record.crc32 = 0;
  expect_content(stream, record, "abc");
}

TEST(RecordReader, ComparesNoChecksumIfToldSo) {
  Record record = stored_record("abc");
  record.crc32 ^= 1;
  const auto read = read_record(source_of("abc"), record, {.limits = kLimits, .verify_crc = false});
  ASSERT_OK(read);
  EXPECT_EQ(read->text(), "abc");
}

TEST(RecordReader, VerifiesLargeRecordsToTheirLastByte) {
  // More than two of the 1 MiB pieces in which they are read.
  std::string content((2 << 20) + 12'345, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i >> 7);
  const Record record = stored_record(content);
  EXPECT_OK(verify_record(source_of(content), record, kLimits));
  for (const std::size_t at : {std::size_t{0}, std::size_t{(1 << 20) - 1}, std::size_t{1 << 20},
                               std::size_t{2 << 20}, content.size() - 1}) {
    content[at] = static_cast<char>(content[at] ^ 1);
    EXPECT_ERROR(verify_record(source_of(content), record, kLimits), ErrorKind::kChecksum) << at;
    content[at] = static_cast<char>(content[at] ^ 1);
  }
}

TEST(RecordReader, KeepsToMaxBytes) {  // C02
  const auto read = [](const Record& record, std::string_view file, std::uint64_t max_bytes) {
    return read_record(source_of(file), record, {.limits = kLimits, .max_bytes = max_bytes});
  };
  EXPECT_OK(read(stored_record("abc"), "abc", 3));
  EXPECT_ERROR(read(stored_record("abc"), "abc", 2), ErrorKind::kLimit,
               "in record 'm/a': the record has 3 bytes, over the limit of 2");
  const std::string content(1 << 20, '\0');
  const std::string stream = testing::deflated(content);
  EXPECT_OK(read(deflated_record(stream, content), stream, 1 << 20));
  EXPECT_ERROR(read(deflated_record(stream, content), stream, (1 << 20) - 1), ErrorKind::kLimit,
               "the record has 1048576 bytes");
}

TEST(RecordReader, KeepsToItsExpansion) {  // C04
  const std::string content(1000, 'c');
  const std::string stream = testing::deflated(content);
  ASSERT_LT(stream.size(), 20u);
  Record record = deflated_record(stream, content);
  const MemorySource source = source_of(stream);
  Limits limits{.max_expansion = 10, .expansion_slack_bytes = 1000 - 10 * stream.size()};
  EXPECT_OK(read_record(source, record, {.limits = limits}));
  EXPECT_OK(verify_record(source, record, limits));
  --limits.expansion_slack_bytes;
  const std::string part = "in record 'm/a': the record makes 1000 bytes from " +
                           std::to_string(stream.size()) + ", over max_expansion";
  EXPECT_ERROR(read_record(source, record, {.limits = limits}), ErrorKind::kLimit, part);
  EXPECT_ERROR(verify_record(source, record, limits), ErrorKind::kLimit, part);
  record.bytes = kTera;
  expect_error(stream, record, ErrorKind::kLimit, "makes 1099511627776 bytes");
}

TEST(RecordReader, CountsAHoleAsNothing) {  // V07
  constexpr std::uint64_t kHole = 100 << 20;
  Record record = stored_record("abc");
  record.stored_bytes = record.bytes = kHole;
  const testing::SparseSource source("abc", 1, kHole);
  const std::string_view part =
      "in record 'm/a': the record makes 104857600 bytes from 3, over max_expansion";
  EXPECT_ERROR(read_record(source, record, {.limits = kLimits}), ErrorKind::kLimit, part);
  EXPECT_ERROR(verify_record(source, record, kLimits), ErrorKind::kLimit, part);
}

TEST(RecordReader, RefusesAnotherLength) {  // C05
  const std::string stream = testing::deflated("abc");
  expect_error(stream, deflated_record(stream, "ab"), ErrorKind::kContainer,
               "in record 'm/a': the deflated data makes more than the declared 2 bytes");
  expect_error(stream, deflated_record(stream, "abcd"), ErrorKind::kContainer,
               "in record 'm/a': the deflated data makes fewer than the declared 4 bytes");
}

TEST(RecordReader, RefusesBrokenStreams) {  // C06, C07
  const std::string stream = testing::deflated("abc");
  const std::string cut = stream.substr(0, stream.size() - 1);
  expect_error(cut, deflated_record(cut, "abc"), ErrorKind::kContainer,
               "in record 'm/a': the deflated data is malformed");
  const std::string longer = stream + "!";
  expect_error(longer, deflated_record(longer, "abc"), ErrorKind::kContainer,
               "in record 'm/a': 1 bytes follow the deflated data");
}

TEST(RecordReader, RefusesToReadOutsideOfTheSource) {  // C03
  expect_error("abc", stored_record("abc", 1), ErrorKind::kBounds, "the file ends at byte 3");
  expect_error("abc", stored_record("abc", ~std::uint64_t{0} - 1), ErrorKind::kBounds,
               "the file ends at byte 3");
  Record record = stored_record("abc");
  record.stored_bytes = record.bytes = 2'200'000;
  expect_error("abc", record, ErrorKind::kBounds, "the file ends at byte 3");
}

TEST(RecordReader, HandsOnErrorsOfReading) {
  const testing::FailingSource source("abc", 0);
  EXPECT_ERROR(read_record(source, stored_record("abc"), {.limits = kLimits}), ErrorKind::kIo);
  EXPECT_ERROR(verify_record(source, stored_record("abc"), kLimits), ErrorKind::kIo);
}

}  // namespace
}  // namespace hardload
