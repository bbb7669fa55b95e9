// find_directory accepts zip64 end structures that touch each other and agree with the plain one.

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "loader/container/zip_end.h"
#include "tests/container/bytes.h"
#include "tests/container/sources.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::EndFields;
using testing::ZipBuilder;

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

// One record at 0, the directory at 52, the zip64 end record at 101, the locator at 157, the plain
// end record at 177.
constexpr std::uint64_t kDirectoryAt = 52, kDirectoryBytes = 49, kEnd64At = 101, kLocatorAt = 157;

std::string built(const std::function<void(EndFields&)>& tweak = {}) {
  return ZipBuilder(0).add("m/a", "abc").build(tweak);
}

Result<Directory> find(std::string_view bytes, const Limits& limits = {}) {
  return find_directory(testing::source_of(bytes), limits);
}

void expect_found(const Result<Directory>& found) {
  ASSERT_OK(found);
  EXPECT_EQ(found->offset, kDirectoryAt);
  EXPECT_EQ(found->bytes, kDirectoryBytes);
  EXPECT_EQ(found->records, 1u);
}

void saturate(EndFields& f) {
  f.disk = f.directory_disk = f.disk_records = f.records = 0xFFFF;
  f.directory_bytes = f.directory_offset = 0xFFFFFFFF;
}

TEST(FindDirectory64, ReadsTheZip64EndRecord) {
  expect_found(find(built()));
  expect_found(find(built(saturate)));
  expect_found(find(built([](EndFields& f) { f.comment = "a comment"; })));
  expect_found(find(built([](EndFields& f) { f.locator.disks = 0; })));
}

TEST(FindDirectory64, AllowsExtensibleData) {
  std::string bytes = built([](EndFields& f) { f.end64.own_bytes = 44 + 9; });
  expect_found(find(bytes.insert(kLocatorAt, "extension")));
}

TEST(FindDirectory64, RefusesALocatorThatPointsElsewhere) {  // Q04
  const auto pointing_at = [](std::uint64_t offset) {
    return find(built([=](EndFields& f) { f.locator.end64_offset = offset; }));
  };
  expect_found(pointing_at(kEnd64At));
  for (const std::uint64_t offset : {kEnd64At + 1, kLocatorAt - 1, kLocatorAt, kLocatorAt + 1,
                                     std::uint64_t{177}, std::uint64_t{1'000'000}, kHuge}) {
    EXPECT_ERROR(pointing_at(offset), ErrorKind::kContainer,
                 "at byte 157: the zip64 locator points outside")
        << offset;
  }
  for (const std::uint64_t offset : {std::uint64_t{0}, kDirectoryAt, kEnd64At - 1}) {
    EXPECT_ERROR(pointing_at(offset), ErrorKind::kContainer,
                 "the zip64 locator does not point at a zip64 end record")
        << offset;
  }
}

TEST(FindDirectory64, RefusesWrongSignatures) {  // Q04, Z08
  EXPECT_ERROR(find(built([](EndFields& f) { f.end64.signature ^= 0x100; })), ErrorKind::kContainer,
               "at byte 101: the zip64 locator does not point at a zip64 end record");
  // Without a locator, the zip64 end record is but bytes between directory and end record.
  EXPECT_ERROR(find(built([](EndFields& f) { f.locator.signature ^= 0x100; })),
               ErrorKind::kContainer, "but ends at byte 177");
}

TEST(FindDirectory64, RefusesBytesAroundTheZip64EndRecord) {  // Z08
  std::string before = built([](EndFields& f) { f.locator.end64_offset += 4; });
  EXPECT_ERROR(find(before.insert(kEnd64At, "four")), ErrorKind::kContainer,
               "is declared at byte 52 with 49 bytes, but ends at byte 105");
  EXPECT_ERROR(find(built().insert(kLocatorAt, "four")), ErrorKind::kContainer,
               "at byte 101: the zip64 end record does not reach up to its locator");
  EXPECT_ERROR(find(built().insert(177, "four")), ErrorKind::kContainer, "but ends at byte 181");
}

TEST(FindDirectory64, RefusesBytesAfterTheEndRecord) {  // Z03
  EXPECT_ERROR(find(built() + "x"), ErrorKind::kContainer,
               "at byte 177: the zip file's end record is not at its end");
  EXPECT_ERROR(find(built(saturate) + "x"), ErrorKind::kContainer,
               "at byte 177: the zip file's end record is not at its end");
}

TEST(FindDirectory64, RefusesAZip64EndRecordOfAnotherLength) {  // Q05
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{43}, std::uint64_t{45},
                                   std::uint64_t{44} + 20, kHuge, kHuge - 11}) {
    EXPECT_ERROR(find(built([=](EndFields& f) { f.end64.own_bytes = size; })),
                 ErrorKind::kContainer,
                 "at byte 101: the zip64 end record does not reach up to its locator")
        << size;
  }
}

TEST(FindDirectory64, RefusesEndRecordsThatContradictEachOther) {  // Q05
  const std::function<void(EndFields&)> tweaks[] = {
      [](EndFields& f) { f.disk = 1; },
      [](EndFields& f) { f.directory_disk = 1; },
      [](EndFields& f) { f.disk_records = 2; },
      [](EndFields& f) { f.records = 0; },
      [](EndFields& f) { f.records = 2; },
      [](EndFields& f) { f.directory_bytes = 48; },
      [](EndFields& f) { f.directory_offset = 0; },
      [](EndFields& f) { f.end64.disk = 1; },
      [](EndFields& f) { f.end64.directory_disk = 1; },
      [](EndFields& f) { f.end64.disk_records = 2; },
      [](EndFields& f) { f.end64.records = 0x10001; },
      [](EndFields& f) { f.end64.directory_bytes += std::uint64_t{1} << 32; },
      [](EndFields& f) { f.end64.directory_offset += std::uint64_t{1} << 32; },
  };
  int number = 0;
  for (const auto& tweak : tweaks) {
    EXPECT_ERROR(find(built(tweak)), ErrorKind::kContainer,
                 "at byte 101: the zip64 end record contradicts the plain one")
        << number;
    ++number;
  }
}

TEST(FindDirectory64, RefusesADirectoryDeclaredElsewhere) {
  const auto declared = [](std::uint64_t offset, std::uint64_t bytes) {
    return find(built([=](EndFields& f) {
      saturate(f);
      f.end64.directory_offset = offset;
      f.end64.directory_bytes = bytes;
    }));
  };
  expect_found(declared(52, 49));
  EXPECT_ERROR(declared(51, 49), ErrorKind::kContainer,
               "is declared at byte 51 with 49 bytes, but ends at byte 101");
  EXPECT_ERROR(declared(52, 48), ErrorKind::kContainer, "with 48 bytes");
  // Z07: past the end of the file, over the end record, and around the end of 64 bits.
  const struct {
    std::uint64_t offset, bytes;
  } outside[] = {{1'000'000, 49}, {52, 1'000'000}, {60, 49},        {53, 49},
                 {52, 50},        {kHuge, 102},    {kHuge - 10, 62}};
  for (const auto& [offset, bytes] : outside) {
    EXPECT_ERROR(declared(offset, bytes), ErrorKind::kBounds,
                 "at byte 177: the central directory is declared at byte " +
                     std::to_string(offset) + " with " + std::to_string(bytes) +
                     " bytes, which reach past byte 101, where the end records begin");
  }
}

TEST(FindDirectory64, RefusesSeveralDisks) {  // Z09
  const std::function<void(EndFields&)> tweaks[] = {
      [](EndFields& f) { f.locator.disk = 1; },
      [](EndFields& f) { f.locator.disks = 2; },
      [](EndFields& f) { f.disk = 1, f.end64.disk = 1; },
      [](EndFields& f) { f.directory_disk = 1, f.end64.directory_disk = 1; },
      [](EndFields& f) { saturate(f), f.end64.disk = 0x10000; },
      [](EndFields& f) { saturate(f), f.end64.disk_records = 2; },
  };
  int number = 0;
  for (const auto& tweak : tweaks) {
    EXPECT_ERROR(find(built(tweak)), ErrorKind::kUnsupported, "the zip file spans several disks")
        << number;
    ++number;
  }
}

TEST(FindDirectory64, RefusesMoreRecordsThanItsLimit) {  // Q06
  const auto declaring = [](std::uint64_t records) {
    return built([=](EndFields& f) {
      saturate(f);
      f.end64.records = f.end64.disk_records = records;
    });
  };
  const Limits limits;
  EXPECT_ERROR(find(declaring(std::uint64_t{1} << 63)), ErrorKind::kLimit,
               "declares 9223372036854775808 records, over max_records");
  EXPECT_ERROR(find(declaring(limits.max_records + 1)), ErrorKind::kLimit, "max_records");
  EXPECT_OK(find(declaring(limits.max_records)));
}

TEST(FindDirectory64, RefusesADirectoryOverItsLimit) {  // Q06, N10
  const auto declaring = [](std::uint64_t bytes) {
    return built([=](EndFields& f) {
      saturate(f);
      f.end64.directory_bytes = bytes;
    });
  };
  EXPECT_ERROR(find(declaring(std::uint64_t{1} << 40)), ErrorKind::kLimit,
               "takes 1099511627776 bytes, over max_directory_bytes");
  EXPECT_ERROR(find(declaring(kHuge)), ErrorKind::kLimit, "over max_directory_bytes");
  expect_found(find(declaring(kDirectoryBytes), {.max_directory_bytes = kDirectoryBytes}));
}

TEST(FindDirectory64, RefusesADirectoryInAHoleOfTheFile) {  // N10
  const auto with_hole = [](std::uint64_t hole_bytes) {
    std::string bytes = built([=](EndFields& f) {
      saturate(f);
      f.end64.directory_bytes += hole_bytes;
      f.locator.end64_offset += hole_bytes;
    });
    const Limits limits = {.expansion_slack_bytes = 1 << 20};
    return find_directory(testing::SparseSource(std::move(bytes), kEnd64At, hole_bytes), limits);
  };
  EXPECT_ERROR(with_hole(1 << 29), ErrorKind::kLimit,
               "bytes of a file that occupies 199, over max_expansion");
  EXPECT_OK(with_hole(1 << 20));
}

}  // namespace
}  // namespace hardload::zip
