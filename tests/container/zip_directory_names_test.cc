// read_directory refuses entries with unsafe names, links, and folders that have content.

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
using testing::directory_of;
using testing::directory_with_entry;
using testing::extra_field;
using testing::u32;
using testing::ZipBuilder;

constexpr std::uint16_t kMadeByUnix = 0x0314, kMadeByDos = 0x0014, kMadeByMac = 0x1314;

Result<DirectoryListing> with_attributes(std::string name, std::string content,
                                         std::uint16_t made_by, std::uint32_t attributes) {
  return directory_of(ZipBuilder(0)
                          .add(std::move(name), std::move(content),
                               {.central =
                                    [=](CentralFields& f) {
                                      f.made_by = made_by;
                                      f.external_attributes = attributes;
                                    }})
                          .build());
}

TEST(ReadDirectoryNames, RefusesUnsafeNames) {  // N01 to N04: more in record_name_test
  const struct {
    std::string name;
    std::string_view fault;
  } cases[] = {
      {"../m", "has a relative part"},
      {"m\\a", "holds a backslash"},
      {std::string("m/data.pkl\0x", 12), "holds a NUL byte"},
      {"m/\xff", "is not UTF-8"},
      {"", "is empty"},
  };
  for (const auto& c : cases) {
    EXPECT_ERROR(directory_of(ZipBuilder(0).add("m/a", "").add(c.name, "").build()),
                 ErrorKind::kName, "the record's name " + std::string(c.fault));
  }
  EXPECT_OK(directory_of(ZipBuilder(0).add("m/a", "").add("m/\xc3\xa9", "").build()));
}

TEST(ReadDirectoryNames, NamesTheEntryAndItsByte) {
  // The local headers take 33 bytes each, the first entry 49.
  const auto listing = directory_of(ZipBuilder(0).add("m/a", "").add("../", "").build());
  EXPECT_ERROR(listing, ErrorKind::kName, "in record '../' at byte 115 of the file:");
}

TEST(ReadDirectoryNames, RefusesLongNames) {  // N04
  const auto with_name = [](std::size_t bytes) {
    return directory_of(ZipBuilder(0).add("m/" + std::string(bytes - 2, 'a'), "").build());
  };
  EXPECT_OK(with_name(4096));
  EXPECT_ERROR(with_name(4097), ErrorKind::kLimit,
               "a record name takes 4097 bytes, over max_record_name_bytes, 4096");
  EXPECT_ERROR(with_name(65'535), ErrorKind::kLimit, "a record name takes 65535 bytes");
}

TEST(ReadDirectoryNames, RefusesASecondName) {  // N03
  const auto with_unicode_path = [](std::string name) {
    return directory_with_entry([=](CentralFields& f) {
      f.extra = extra_field(0x7075, std::string("\1") + u32(0x352441c2) + name);
    });
  };
  EXPECT_OK(with_unicode_path("m/a"));
  for (const char* name : {"m/b", "m/aa", "m/", ""}) {
    EXPECT_ERROR(with_unicode_path(name), ErrorKind::kName,
                 "in record 'm/a' at byte 52 of the file: the record has two different names");
  }
  EXPECT_ERROR(directory_with_entry([](CentralFields& f) { f.extra = extra_field(0x7075, "m/a"); }),
               ErrorKind::kName, "two different names");
}

TEST(ReadDirectoryNames, AllowsFilesAndFolders) {
  EXPECT_OK(with_attributes("m/a", "abc", kMadeByUnix, 0100644u << 16));
  EXPECT_OK(with_attributes("m/a", "abc", kMadeByUnix, 0644u << 16));  // no type at all
  EXPECT_OK(with_attributes("m/a", "abc", kMadeByDos, 0x20));
  EXPECT_OK(with_attributes("m/", "", kMadeByUnix, (040755u << 16) | 0x10));
  EXPECT_OK(with_attributes("m/", "", kMadeByDos, 0x10));
  EXPECT_OK(with_attributes("m/", "", kMadeByDos, 0));
}

TEST(ReadDirectoryNames, RefusesLinksAndSpecialFiles) {  // N06
  for (const std::uint16_t made_by : {kMadeByUnix, kMadeByDos, kMadeByMac}) {
    EXPECT_OK(with_attributes("m/a", "abc", made_by, 0100777u << 16));
    EXPECT_ERROR(with_attributes("m/a", "abc", made_by, 0120777u << 16), ErrorKind::kName,
                 "in record 'm/a' at byte 52 of the file: the record is a symbolic link");
    for (const std::uint32_t mode : {010644u, 020644u, 060644u, 0140644u}) {
      EXPECT_ERROR(with_attributes("m/a", "abc", made_by, mode << 16), ErrorKind::kName,
                   "in record 'm/a' at byte 52 of the file: the record is a special file");
    }
  }
}

TEST(ReadDirectoryNames, RefusesFoldersWithContent) {  // Z21, Z22
  const std::string_view part = "the record is a folder, yet has content";
  EXPECT_ERROR(with_attributes("m/a", "abc", kMadeByDos, 0x10), ErrorKind::kContainer, part);
  EXPECT_ERROR(with_attributes("m/a", "abc", kMadeByUnix, 0x10), ErrorKind::kContainer, part);
  EXPECT_ERROR(with_attributes("m/a", "abc", kMadeByUnix, 040755u << 16), ErrorKind::kContainer,
               part);
  EXPECT_ERROR(with_attributes("m/a", "abc", kMadeByDos, 040755u << 16), ErrorKind::kContainer,
               part);
  EXPECT_ERROR(with_attributes("m/", "abc", kMadeByDos, 0), ErrorKind::kContainer, part);
  // A deflate stream that makes nothing is content, too.
  EXPECT_ERROR(directory_of(ZipBuilder(0).add("m/", "", {.deflate = true}).build()),
               ErrorKind::kContainer, part);
}

}  // namespace
}  // namespace hardload::zip
