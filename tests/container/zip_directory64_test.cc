// read_directory takes sizes and offsets from zip64 fields that fit the header, and from no others.

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/container/zip_directory.h"
#include "tests/container/bytes.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::CentralFields;
using testing::directory_with_entry;
using testing::extra_field;
using testing::u16;
using testing::u32;
using testing::u64;

constexpr std::uint32_t kElsewhere = 0xFFFFFFFF;
constexpr std::uint64_t kTera = std::uint64_t{1} << 40;

std::string zip64_field(const std::string& data) { return extra_field(1, data); }

struct Entry {
  std::uint32_t bytes = 3, stored_bytes = 3, header_offset = 0;
  std::string extra;
};

Result<DirectoryListing> listing_of(const Entry& entry) {
  return directory_with_entry([&](CentralFields& f) {
    f.bytes = entry.bytes;
    f.stored_bytes = entry.stored_bytes;
    f.header_offset = entry.header_offset;
    f.extra = entry.extra;
  });
}

void expect_record(const Entry& entry, std::uint64_t bytes, std::uint64_t offset) {
  const auto listing = listing_of(entry);
  ASSERT_OK(listing);
  const Record& record = listing->records.at(0);
  EXPECT_EQ(record.bytes, bytes);
  EXPECT_EQ(record.stored_bytes, bytes);
  EXPECT_EQ(record.header_offset, offset);
}

TEST(ReadDirectory64, TakesTheValuesThatStandElsewhere) {
  expect_record({kElsewhere, kElsewhere, 0, zip64_field(u64(kTera) + u64(kTera))}, kTera, 0);
  expect_record({3, 3, kElsewhere, zip64_field(u64(kTera))}, 3, kTera);
  expect_record(
      {kElsewhere, kElsewhere, kElsewhere, zip64_field(u64(kTera) + u64(kTera) + u64(5 * kTera))},
      kTera, 5 * kTera);
  expect_record({3, kElsewhere, 0, zip64_field(u64(3))}, 3, 0);
  expect_record({kElsewhere, 3, 0, zip64_field(u64(3))}, 3, 0);
  // Behind another field, and in front of one.
  expect_record({3, 3, kElsewhere, extra_field(0xcafe, "12345") + zip64_field(u64(7))}, 3, 7);
  expect_record({3, 3, kElsewhere, zip64_field(u64(7)) + extra_field(0xcafe, "12345")}, 3, 7);
}

TEST(ReadDirectory64, TakesDeflatedSizesInTheirOrder) {
  const auto listing = directory_with_entry([](CentralFields& f) {
    f.method = 8;
    f.bytes = f.stored_bytes = kElsewhere;
    f.extra = zip64_field(u64(1000) + u64(3));
  });
  ASSERT_OK(listing);
  EXPECT_EQ(listing->records[0].bytes, 1000u);
  EXPECT_EQ(listing->records[0].stored_bytes, 3u);
}

TEST(ReadDirectory64, AllowsValuesThatStandInTheHeaderTooIfTheyAgree) {
  expect_record({3, 3, 0, zip64_field("")}, 3, 0);
  expect_record({3, 3, 0, zip64_field(u64(3))}, 3, 0);
  expect_record({3, 3, 0, zip64_field(u64(3) + u64(3))}, 3, 0);
  expect_record({3, 3, 0, zip64_field(u64(3) + u64(3) + u64(0))}, 3, 0);
  expect_record({kElsewhere, 3, 0, zip64_field(u64(3) + u64(3) + u64(0))}, 3, 0);
  // With the disk number behind them.
  expect_record({kElsewhere, 3, 0, zip64_field(u64(3) + u64(3) + u64(0) + u32(0))}, 3, 0);
}

TEST(ReadDirectory64, RefusesValuesThatContradictTheHeader) {  // Q03
  const Entry entries[] = {
      {3, 3, 0, zip64_field(u64(4))},
      {3, 3, 0, zip64_field(u64(3) + u64(4))},
      {3, 3, 0, zip64_field(u64(3) + u64(3) + u64(1))},
      {3, 3, kElsewhere, zip64_field(u64(4) + u64(4) + u64(0))},
      // All three, of which one is needed: the first to some readers, the last to others.
      {3, 3, kElsewhere, zip64_field(u64(3) + u64(3) + u64(kTera))},
      {3, 3, kElsewhere, zip64_field(u64(3) + u64(3))},
      {3, 3, kElsewhere, zip64_field(u64(3) + u64(3) + u32(0))},
      {3, kElsewhere, 0, zip64_field(u64(4) + u64(3))},
  };
  for (const Entry& entry : entries) {
    EXPECT_ERROR(listing_of(entry), ErrorKind::kContainer,
                 "in record 'm/a' at byte 52 of the file: the zip64 field contradicts the header");
  }
}

TEST(ReadDirectory64, RefusesAbsentFields) {  // Q01
  const Entry entries[] = {
      {kElsewhere, kElsewhere, 0, ""},
      {kElsewhere, 3, 0, ""},
      {3, kElsewhere, 0, ""},
      {3, 3, kElsewhere, ""},
      {3, 3, kElsewhere, extra_field(0xcafe, u64(0))},
  };
  for (const Entry& entry : entries) {
    EXPECT_ERROR(listing_of(entry), ErrorKind::kContainer,
                 "in record 'm/a' at byte 52 of the file: a size is said to be in a zip64 field, "
                 "but none is");
  }
}

TEST(ReadDirectory64, RefusesShortFields) {  // Q02
  const Entry entries[] = {
      {kElsewhere, 3, 0, zip64_field("")},
      {kElsewhere, 3, 0, zip64_field(std::string(7, '\0'))},
      {3, kElsewhere, 0, zip64_field("")},
      {3, kElsewhere, 0, zip64_field(std::string(7, '\0'))},
      {3, 3, kElsewhere, zip64_field("")},
      {3, 3, kElsewhere, zip64_field(std::string(7, '\0'))},
      {kElsewhere, kElsewhere, 0, zip64_field(u64(3))},
      {kElsewhere, kElsewhere, kElsewhere, zip64_field(u64(3) + u64(3))},
      {kElsewhere, kElsewhere, kElsewhere, zip64_field(u64(3) + u64(3) + u32(0))},
  };
  for (const Entry& entry : entries) {
    EXPECT_ERROR(listing_of(entry), ErrorKind::kContainer,
                 "in record 'm/a' at byte 52 of the file: the zip64 field is too short for its "
                 "values");
  }
}

TEST(ReadDirectory64, RefusesTwoFields) {  // Q02
  const std::string field = zip64_field(u64(0));
  EXPECT_OK(listing_of({3, 3, kElsewhere, field}));
  EXPECT_ERROR(listing_of({3, 3, kElsewhere, field + field}), ErrorKind::kContainer,
               "in record 'm/a' at byte 52 of the file: there are two zip64 fields");
  EXPECT_ERROR(listing_of({3, 3, 0, zip64_field("") + zip64_field("")}), ErrorKind::kContainer,
               "there are two zip64 fields");
}

TEST(ReadDirectory64, RefusesSizesThatDisagreeWithEachOther) {  // C01
  EXPECT_ERROR(listing_of({kElsewhere, kElsewhere, 0, zip64_field(u64(kTera) + u64(kTera + 1))}),
               ErrorKind::kContainer, "a stored record has two different sizes");
}

TEST(ReadDirectory64, RefusesExtraFieldsThatRunPastTheirArea) {  // Q08
  const std::string extras[] = {
      u16(0xcafe) + u16(5) + "1234",     u16(0xcafe) + u16(0xFFFF), u16(0xcafe) + "1", "1",
      extra_field(0xcafe, "12") + "123", u16(1) + u16(9) + u64(0),
  };
  for (const std::string& extra : extras) {
    EXPECT_ERROR(listing_of({3, 3, 0, extra}), ErrorKind::kBounds,
                 "in record 'm/a' at byte 52 of the file: an extra field runs past the extra area");
  }
  EXPECT_OK(listing_of({3, 3, 0, extra_field(0xcafe, "1234")}));
}

}  // namespace
}  // namespace hardload::zip
