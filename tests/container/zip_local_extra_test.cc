// locate_records takes sizes from zip64 fields in local headers, and refuses what contradicts.

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "loader/container/zip_local.h"
#include "tests/container/bytes.h"
#include "tests/container/other_tools.h"
#include "tests/container/sources.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::by_other_tool_with_local;
using testing::CentralFields;
using testing::DescriptorFields;
using testing::EndFields;
using testing::extra_field;
using testing::LocalFields;
using testing::located;
using testing::RecordTweaks;
using testing::u16;
using testing::u32;
using testing::u64;
using testing::ZipBuilder;

std::string two_records(RecordTweaks first, RecordTweaks second = {}) {
  return ZipBuilder(0)
      .add("m/a", "abc", std::move(first))
      .add("m/b", "defg", std::move(second))
      .build();
}

TEST(LocateRecordsExtra, TakesLocalSizesFromAZip64Field) {
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
      extra_field(1, u64(3) + u64(3)) + extra_field(1, u64(3) + u64(3)),
      extra_field(1, u64(3) + u64(3)) + "1",
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

TEST(LocateRecordsExtra, RefusesLocalExtraFieldsThatContradictTheRecord) {
  const auto with_extra = [](const std::string& extra) {
    return located(
        two_records(by_other_tool_with_local("abc", [=](LocalFields& f) { f.extra = extra; })));
  };
  const std::string path = "\1" + u32(0x352441c2);
  EXPECT_OK(with_extra(extra_field(1, u64(3) + u64(3))));
  EXPECT_OK(with_extra(extra_field(1, u64(3))));
  EXPECT_OK(with_extra(extra_field(0x7075, path + "m/a") + extra_field(0xcafe, "1234")));
  const std::string extras[] = {
      extra_field(1, u64(4) + u64(4)),                                    // Q03
      extra_field(1, u64(3) + u64(4)),                                    // Q03
      extra_field(1, u64(3) + u64(3)) + extra_field(1, u64(3) + u64(3)),  // Q02
      extra_field(1, "") + extra_field(1, ""),                            // Q02
      u16(0xcafe) + u16(100) + "1234",                                    // Q08
      u16(0xcafe) + "1",                                                  // Q08
      "1",                                                                // Q08
      extra_field(0x7075, path + "m/b"),                                  // N03
      extra_field(0x7075, "m/a"),                                         // N03
  };
  for (const std::string& extra : extras) {
    EXPECT_ERROR(with_extra(extra), ErrorKind::kContainer,
                 "in record 'm/a' at byte 0 of the file: the local header contradicts");
  }
}

// Beyond 4 GiB, torch's zip64 fields hold sizes that the descriptor declares too, or the offset.
TEST(LocateRecordsExtra, AllowsTheZip64FieldsOfTorch) {
  const auto with_field = [](const std::string& data) {
    return located(
        two_records({}, {.local = [=](LocalFields& f) { f.extra = extra_field(1, data); }}));
  };
  EXPECT_OK(with_field(u64(4) + u64(4)));
  EXPECT_OK(with_field(u64(52)));
  EXPECT_OK(with_field(u64(std::uint64_t{5} << 30)));
}

// Q01: a record of 0xFFFFFFFF bytes, so that "elsewhere" looks like the size itself.
TEST(LocateRecordsExtra, RefusesAnAbsentZip64FieldForASizeThatLooksLikeIt) {
  constexpr std::uint32_t kSize = 0xFFFFFFFF;
  constexpr std::uint64_t kHole = std::uint64_t{kSize} - 1;
  const auto open = [](const std::string& local_extra) {
    const RecordTweaks tweaks = {
        .local =
            [&](LocalFields& f) {
              f.bytes = f.stored_bytes = kSize;
              f.extra = local_extra;
            },
        .descriptor = [](DescriptorFields& f) { f.bytes = f.stored_bytes = kSize; },
        .central =
            [](CentralFields& f) {
              f.bytes = f.stored_bytes = kSize;
              f.extra = extra_field(1, u64(kSize) + u64(kSize));
            }};
    const std::string bytes = ZipBuilder(0).add("m/a", "x", tweaks).build([](EndFields& f) {
      f.end64.directory_offset += kHole;
      f.directory_offset = 0xFFFFFFFF;
      f.locator.end64_offset += kHole;
    });
    const std::size_t data_at = 30 + 3 + local_extra.size();
    return located(testing::SparseSource(bytes, data_at + 1, kHole));
  };
  EXPECT_OK(open(extra_field(1, u64(kSize) + u64(kSize))));
  EXPECT_ERROR(open(""), ErrorKind::kContainer, "the local header contradicts");
  EXPECT_ERROR(open(extra_field(0xcafe, "1234")), ErrorKind::kContainer,
               "the local header contradicts");
}

}  // namespace
}  // namespace hardload::zip
