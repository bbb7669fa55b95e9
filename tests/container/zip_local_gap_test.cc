// locate_records allows a right data descriptor between records, and no other byte anywhere.

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/container/zip_local.h"
#include "tests/container/bytes.h"
#include "tests/container/other_tools.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::by_other_tool;
using testing::DescriptorFields;
using testing::LocalFields;
using testing::located;
using testing::RecordTweaks;
using testing::ZipBuilder;

using DescriptorTweak = std::function<void(DescriptorFields&)>;

// A record in front of another one, or last. Its data ends at byte 36.
std::string with_descriptor(const DescriptorTweak& tweak, bool last) {
  ZipBuilder zip(0);
  zip.add("m/a", "abc", {.descriptor = tweak});
  if (!last) zip.add("m/b", "defg");
  return zip.build();
}

TEST(LocateRecordsGaps, AllowsEveryFormOfDescriptor) {
  const DescriptorTweak forms[] = {
      [](DescriptorFields&) {},
      [](DescriptorFields& f) { f.wide = true; },
      [](DescriptorFields& f) { f.signature = 0; },
      [](DescriptorFields& f) { f.signature = 0, f.wide = true; },
  };
  for (const bool last : {false, true}) {
    for (const auto& form : forms) EXPECT_OK(located(with_descriptor(form, last)));
  }
}

TEST(LocateRecordsGaps, RefusesAnAbsentDescriptor) {  // Z19
  for (const bool last : {false, true}) {
    EXPECT_ERROR(located(with_descriptor([](DescriptorFields& f) { f.present = false; }, last)),
                 ErrorKind::kContainer,
                 "in record 'm/a' at byte 36 of the file: the record's data descriptor is missing");
  }
}

TEST(LocateRecordsGaps, RefusesAWrongDescriptor) {  // Z19
  const DescriptorTweak wrong[] = {
      [](DescriptorFields& f) { f.signature ^= 1; },
      [](DescriptorFields& f) { f.crc32 ^= 1; },
      [](DescriptorFields& f) { f.crc32 = 0; },
      [](DescriptorFields& f) { f.stored_bytes = 4; },
      [](DescriptorFields& f) { f.bytes = 4; },
      [](DescriptorFields& f) { f.bytes = f.stored_bytes = 0; },
  };
  for (const bool wide : {false, true}) {
    for (const bool bare : {false, true}) {
      int number = 0;
      for (const auto& tweak : wrong) {
        const auto form = [&](DescriptorFields& f) {
          f.wide = wide;
          tweak(f);
          if (bare) f.signature = 0;
        };
        if (!bare || number > 0) {
          EXPECT_ERROR(located(with_descriptor(form, false)), ErrorKind::kContainer,
                       "in record 'm/a' at byte 36 of the file: the data descriptor contradicts")
              << wide << bare << number;
        }
        ++number;
      }
    }
  }
}

TEST(LocateRecordsGaps, RefusesHighHalvesInAWideDescriptor) {  // Z19
  EXPECT_ERROR(
      located(with_descriptor(
          [](DescriptorFields& f) { f.wide = true, f.bytes += std::uint64_t{1} << 32; }, false)),
      ErrorKind::kContainer, "the data descriptor contradicts");
}

TEST(LocateRecordsGaps, RefusesADescriptorThatNoFlagAnnounces) {  // Z19
  RecordTweaks tweaks = by_other_tool("abc");
  EXPECT_OK(located(ZipBuilder(0).add("m/a", "abc", tweaks).build()));
  tweaks.descriptor = {};
  EXPECT_ERROR(located(ZipBuilder(0).add("m/a", "abc", tweaks).build()), ErrorKind::kContainer,
               "in record 'm/a' at byte 36 of the file: 16 bytes after the record belong to no "
               "record");
}

TEST(LocateRecordsGaps, AllowsEmptyRecordsWithAndWithoutDescriptor) {  // C11
  for (const bool present : {false, true}) {
    const RecordTweaks tweaks = {.descriptor = [=](DescriptorFields& f) { f.present = present; }};
    EXPECT_OK(located(ZipBuilder(0).add("m/a", "", tweaks).add("m/b", "", tweaks).build()));
  }
  EXPECT_ERROR(
      located(ZipBuilder(0)
                  .add("m/a", "",
                       {.descriptor = [](DescriptorFields& f) { f.present = true, f.bytes = 1; }})
                  .build()),
      ErrorKind::kContainer, "the data descriptor contradicts");
}

TEST(LocateRecordsGaps, RefusesBytesBetweenRecords) {  // Z16
  for (const std::string& bytes : {std::string("x"), std::string(12, 'x'), std::string(1000, 0)}) {
    const auto build = [&](RecordTweaks tweaks) {
      tweaks.before = bytes;
      return ZipBuilder(0).add("m/a", "abc").add("m/b", "defg", tweaks).build();
    };
    EXPECT_ERROR(located(build({})), ErrorKind::kContainer,
                 "in record 'm/a' at byte 36 of the file: " + std::to_string(16 + bytes.size()) +
                     " bytes after the record belong to no record");
    EXPECT_FALSE(located(build(by_other_tool("defg"))).ok());
  }
}

TEST(LocateRecordsGaps, RefusesASmuggledRecord) {  // Z16
  const RecordTweaks unlisted = {.listed = false};
  const auto middle = ZipBuilder(0).add("m/a", "abc").add("evil", "evil", unlisted);
  EXPECT_ERROR(located(ZipBuilder(middle).build()), ErrorKind::kContainer,
               "in record 'm/a' at byte 36 of the file: 70 bytes after the record belong to no "
               "record");
  EXPECT_ERROR(located(ZipBuilder(middle).add("m/b", "defg").build()), ErrorKind::kContainer,
               "in record 'm/a' at byte 36 of the file: 70 bytes after the record belong to no "
               "record");
  EXPECT_ERROR(located(ZipBuilder(0).add("evil", "evil", unlisted).add("m/a", "abc").build()),
               ErrorKind::kContainer, "at byte 0: 54 bytes stand in front of the first record");
}

TEST(LocateRecordsGaps, RefusesBytesInFrontOfAnEmptyDirectory) {  // Z05
  EXPECT_OK(located(ZipBuilder().build()));
  EXPECT_ERROR(located(ZipBuilder().build({}, "anything at all")), ErrorKind::kContainer,
               "at byte 0: 15 bytes stand in front of the first record");
}

TEST(LocateRecordsGaps, RefusesAnOlderDirectory) {  // Z30
  const std::string entry = ZipBuilder(0).add("m/a", "abc").build().substr(52, 49);
  EXPECT_ERROR(located(ZipBuilder(0).add("m/a", "abc").build({}, entry)), ErrorKind::kContainer,
               "in record 'm/a' at byte 36 of the file: 65 bytes after the record belong to no "
               "record");
  // An appended update: the old archive's end stands in front of the new record.
  const std::string old_end = ZipBuilder(0)
                                  .add("m/a", "abc")
                                  .build([](testing::EndFields& f) { f.zip64 = false; })
                                  .substr(52);
  EXPECT_ERROR(
      located(ZipBuilder(0).add("m/a", "abc").add("m/b", "b", {.before = old_end}).build()),
      ErrorKind::kContainer, "bytes after the record belong to no record");
}

// Bytes 26 and 28 of a local header hold the lengths of name and extra field.
TEST(LocateRecords, RefusesNamesAndExtraFieldsThatReachPastTheFile) {  // Z14
  const std::string file = ZipBuilder(0).add("m/a", "abc").add("m/b", "defg").build();
  ASSERT_OK(located(file));
  for (const std::size_t at : {26u, 28u, 52u + 26u, 52u + 28u}) {
    for (const int length : {0x7000, 0xFFFF}) {
      EXPECT_ERROR(
          located(testing::patched(file, at, testing::u16(static_cast<std::uint16_t>(length)))),
          ErrorKind::kBounds, "which reach past byte")
          << at;
    }
  }
}

}  // namespace
}  // namespace hardload::zip
