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
using testing::EndFields;
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
                     ": the record's local header would lie outside");
  }
}

TEST(LocateRecords, RefusesHeadersThatAreNone) {  // Z11
  EXPECT_ERROR(
      located(two_records({}, {.local = [](LocalFields& f) { f.signature = 0x04034b51; }})),
      ErrorKind::kContainer,
      "in record 'm/b' at byte 52: there is no local header where the directory says");
  EXPECT_ERROR(located(two_records({.local = [](LocalFields& f) { f.signature = 0x02014b50; }})),
               ErrorKind::kContainer,
               "in record 'm/a' at byte 0: there is no local header where the directory says");
}

TEST(LocateRecords, RefusesAnotherName) {  // Z12
  for (const char* name : {"m/x", "M/a", "m/"}) {
    EXPECT_ERROR(located(two_records({.local = [=](LocalFields& f) { f.name = name; }})),
                 ErrorKind::kContainer,
                 "in record 'm/a' at byte 0: the record has another name in its local header");
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
      "in record 'm/a' at byte 0: the local header contradicts the central directory";
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

TEST(LocateRecords, TakesLocalSizesFromAZip64Field) {
  const auto with_extra = [](const std::string& extra) {
    return located(two_records(by_other_tool_with_local("abc", [=](LocalFields& f) {
      f.bytes = f.stored_bytes = 0xFFFFFFFF;
      f.extra = extra;
    })));
  };
  EXPECT_OK(with_extra(extra_field(1, u64(3) + u64(3))));
  EXPECT_OK(with_extra(extra_field(0x5455, "\1time") + extra_field(1, u64(3) + u64(3))));
  const std::string extras[] = {
      "",
      extra_field(1, ""),
      extra_field(1, u64(3)),
      extra_field(1, u64(4) + u64(3)),
      extra_field(1, u64(3) + u64(4)),
      extra_field(2, u64(3) + u64(3)),
      u16(1) + u16(17) + u64(3) + u64(3),
      u16(0xcafe) + u16(999),
  };
  for (const std::string& extra : extras) {
    EXPECT_ERROR(with_extra(extra), ErrorKind::kContainer,
                 "the local header contradicts the central directory");
  }
}

TEST(LocateRecords, RefusesDataThatReachesPastItsRoom) {  // Z14, C03, Q07
  const auto declaring = [](std::uint64_t bytes) {
    return located(two_records({.central = [=](CentralFields& f) {
      f.bytes = f.stored_bytes = 0xFFFFFFFF;
      f.extra = extra_field(1, u64(bytes) + u64(bytes));
    }}));
  };
  EXPECT_OK(declaring(3));
  // "m/a" has 19 bytes between its name and the next header.
  for (const std::uint64_t bytes : {std::uint64_t{2'200'000'000}, ~std::uint64_t{0} - 29,
                                    ~std::uint64_t{0} - 33, ~std::uint64_t{0}}) {
    EXPECT_ERROR(declaring(bytes), ErrorKind::kBounds,
                 "in record 'm/a' at byte 0: the record declares " + std::to_string(bytes) +
                     " bytes of data, which reach past byte 52");
  }
}

TEST(LocateRecords, RefusesNamesAndExtraFieldsThatReachPastTheirRoom) {  // Z14
  constexpr std::uint16_t kLengths[] = {0x7000, 0xFFFF};
  // Bytes 26 and 28 of a local header hold the lengths of name and extra field.
  const std::string file = two_records();
  ASSERT_OK(located(testing::patched(file, 52 + 26, u16(3))));
  for (const std::size_t record_at : {0u, 52u}) {
    for (const std::size_t length_at : {26u, 28u}) {
      for (const std::uint16_t length : kLengths) {
        EXPECT_ERROR(located(testing::patched(file, record_at + length_at, u16(length))),
                     ErrorKind::kBounds, "where the next structure begins");
      }
    }
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
