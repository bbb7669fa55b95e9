// locate_records finds the data of records whose local headers say what the directory says.

#include "loader/container/zip_local.h"

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/container/other_tools.h"
#include "tests/container/sources.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::by_other_tool;
using testing::by_other_tool_with_local;
using testing::CentralFields;
using testing::extra_field;
using testing::LocalFields;
using testing::located;
using testing::RecordTweaks;
using testing::u16;
using testing::u64;
using testing::ZipBuilder;

// "m/a" at byte 0 with its data at 33, "m/b" at byte 52 with its data at 85, the directory at 105.
std::string two_records(RecordTweaks first = {}, RecordTweaks second = {}) {
  return ZipBuilder(0)
      .add("m/a", "abc", std::move(first))
      .add("m/b", "defg", std::move(second))
      .build();
}

TEST(LocateRecords, FindsTheData) {
  const auto listing = located(two_records());
  ASSERT_OK(listing);
  EXPECT_EQ(listing->records.at(0).data_offset, 33u);
  EXPECT_EQ(listing->records.at(1).data_offset, 85u);
}

TEST(LocateRecords, FindsTheDataBehindPadding) {
  const std::string file = ZipBuilder(64).add("m/a", "abc").add("m/b", "defg").build();
  const auto listing = located(file);
  ASSERT_OK(listing);
  EXPECT_EQ(listing->records.at(0).data_offset, 64u);
  EXPECT_EQ(listing->records.at(1).data_offset, 128u);
  EXPECT_EQ(file.substr(128, 4), "defg");
}

TEST(LocateRecords, AllowsADirectoryInAnotherOrder) {
  // Each entry takes 49 bytes.
  std::string file = two_records();
  file.replace(105, 98, file.substr(154, 49) + file.substr(105, 49));
  const auto listing = located(file);
  ASSERT_OK(listing);
  EXPECT_EQ(listing->records.at(0).name, "m/b");
  EXPECT_EQ(listing->records.at(0).data_offset, 85u);
  EXPECT_EQ(listing->records.at(1).data_offset, 33u);
}

TEST(LocateRecords, RefusesHeadersOutsideOfTheRecords) {  // Z11, Q07
  for (const std::uint64_t offset :
       {std::uint64_t{52}, std::uint64_t{60}, std::uint64_t{1'000'000}, ~std::uint64_t{0}}) {
    const std::string file = ZipBuilder(0)
                                 .add("m/a", "abc",
                                      {.central =
                                           [=](CentralFields& f) {
                                             f.header_offset = 0xFFFFFFFF;
                                             f.extra = extra_field(1, u64(offset));
                                           }})
                                 .build();
    EXPECT_ERROR(located(file), ErrorKind::kBounds,
                 "in record 'm/a' at byte " + std::to_string(offset) +
                     " of the file: the record's local header would lie outside");
  }
  // The record in front of it is right.
  EXPECT_ERROR(
      located(two_records({}, {.central = [](CentralFields& f) { f.header_offset = 1'000'000; }})),
      ErrorKind::kBounds, "in record 'm/b' at byte 1000000 of the file:");
}

TEST(LocateRecords, RefusesHeadersThatAreNone) {  // Z11
  EXPECT_ERROR(
      located(two_records({}, {.local = [](LocalFields& f) { f.signature = 0x04034b51; }})),
      ErrorKind::kContainer,
      "in record 'm/b' at byte 52 of the file: there is no local header where the directory says");
  EXPECT_ERROR(
      located(two_records({.local = [](LocalFields& f) { f.signature = 0x02014b50; }})),
      ErrorKind::kContainer,
      "in record 'm/a' at byte 0 of the file: there is no local header where the directory "
      "says");
}

TEST(LocateRecords, RefusesAnotherName) {  // Z12
  for (const char* name : {"m/x", "M/a", "m/"}) {
    EXPECT_ERROR(located(two_records({.local = [=](LocalFields& f) { f.name = name; }})),
                 ErrorKind::kContainer,
                 "in record 'm/a' at byte 0 of the file: the record has another name in its local "
                 "header");
  }
}

TEST(LocateRecords, RefusesLocalHeadersThatContradictTheDirectory) {  // Z13
  const std::function<void(LocalFields&)> changes[] = {
      [](LocalFields& f) { f.method = 8; },
      [](LocalFields& f) { f.method = 1; },
      [](LocalFields& f) { f.flags ^= 0x0001; },
      [](LocalFields& f) { f.flags ^= 0x0800; },
      [](LocalFields& f) { f.flags ^= 0x0008; },
      [](LocalFields& f) { f.crc32 = 1; },
      [](LocalFields& f) { f.bytes = 2; },
      [](LocalFields& f) { f.stored_bytes = 2; },
      [](LocalFields& f) { f.bytes = f.stored_bytes = 4; },
  };
  const std::string_view part =
      "in record 'm/a' at byte 0 of the file: the local header contradicts the central directory";
  int number = 0;
  for (const auto& change : changes) {
    EXPECT_ERROR(located(two_records({.local = change})), ErrorKind::kContainer, part) << number;
    EXPECT_ERROR(located(two_records(by_other_tool_with_local("abc", change))),
                 ErrorKind::kContainer, part)
        << number;
    ++number;
  }
}

TEST(LocateRecords, AllowsOpenValuesInFrontOfADescriptorOnly) {  // Z13
  EXPECT_OK(located(two_records({.local = [](LocalFields& f) { f.crc32 = 0x352441c2; }})));
  EXPECT_OK(located(two_records({.local = [](LocalFields& f) { f.bytes = f.stored_bytes = 3; }})));
  EXPECT_OK(located(two_records(by_other_tool("abc"))));
  const std::function<void(LocalFields&)> changes[] = {
      [](LocalFields& f) { f.crc32 = 0; },
      [](LocalFields& f) { f.bytes = 0; },
      [](LocalFields& f) { f.stored_bytes = 0; },
  };
  for (const auto& change : changes) {
    EXPECT_ERROR(located(two_records(by_other_tool_with_local("abc", change))),
                 ErrorKind::kContainer, "the local header contradicts the central directory");
  }
}

RecordTweaks declaring(std::uint64_t bytes) {
  return {.central = [=](CentralFields& f) {
    f.bytes = f.stored_bytes = 0xFFFFFFFF;
    f.extra = extra_field(1, u64(bytes) + u64(bytes));
  }};
}

TEST(LocateRecords, RefusesDataThatReachesPastTheDirectory) {  // C03, Q07
  EXPECT_OK(located(two_records(declaring(3), declaring(4))));
  for (const std::uint64_t bytes :
       {std::uint64_t{300}, std::uint64_t{2'200'000'000}, ~std::uint64_t{0} - 29,
        ~std::uint64_t{0} - 33, ~std::uint64_t{0}}) {
    const std::string declared = "the record declares " + std::to_string(bytes) + " bytes of data";
    EXPECT_ERROR(located(two_records(declaring(bytes))), ErrorKind::kBounds,
                 "in record 'm/a' at byte 0 of the file: " + declared +
                     ", which reach past byte 52, where another record begins");
    EXPECT_ERROR(located(two_records({}, declaring(bytes))), ErrorKind::kBounds,
                 "in record 'm/b' at byte 52 of the file: " + declared);
  }
}

TEST(LocateRecords, RefusesDataThatOverlapsAnotherRecord) {  // Z15
  // "m/a" has 19 bytes between its name and the next header.
  for (const std::uint64_t bytes : {20u, 60u}) {
    EXPECT_ERROR(located(two_records(declaring(bytes))), ErrorKind::kContainer,
                 "in record 'm/a' at byte 0 of the file: the record declares " +
                     std::to_string(bytes) +
                     " bytes of data, which reach past byte 52, where another record begins");
  }
  EXPECT_ERROR(located(two_records(declaring(19))), ErrorKind::kContainer,
               "the record's data descriptor is missing");
}

// Bytes 26 and 28 of a local header hold the lengths of name and extra field.
TEST(LocateRecords, RefusesNamesAndExtraFieldsThatReachPastTheirRoom) {  // Z14
  const std::string file = two_records();
  const struct {
    std::size_t at;
    std::uint16_t right, too_long;
  } lengths[] = {{26, 3, 20}, {26, 3, 40},      {28, 0, 17},
                 {28, 0, 40}, {52 + 26, 3, 20}, {52 + 28, 0, 17}};
  for (const auto& [at, right, too_long] : lengths) {
    EXPECT_OK(located(testing::patched(file, at, u16(right))));
    EXPECT_ERROR(located(testing::patched(file, at, u16(too_long))),
                 at < 52 ? ErrorKind::kContainer : ErrorKind::kBounds,
                 at < 52 ? "reach past byte 52, where another record begins"
                         : "reach past byte 105, where the directory begins");
  }
}

TEST(LocateRecords, RefusesRecordsThatShareAHeader) {  // Z15
  const std::string file =
      ZipBuilder(0)
          .add("m/a", "abc")
          .add("m/b", "abc", {.central = [](CentralFields& f) { f.header_offset = 0; }})
          .build();
  EXPECT_ERROR(located(file), ErrorKind::kContainer, "two records share one local header");
}

TEST(LocateRecords, HandsOnErrorsOfReading) {
  const std::string file = two_records();
  int reads = 0;
  while (!located(testing::FailingSource(file, reads)).ok()) {
    EXPECT_ERROR(located(testing::FailingSource(file, reads)), ErrorKind::kIo, "the disk is gone");
    ASSERT_LT(++reads, 20);
  }
  EXPECT_GE(reads, 5);
}

}  // namespace
}  // namespace hardload::zip
