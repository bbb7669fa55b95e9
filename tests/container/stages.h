// The steps of opening a zip archive, up to the one under test.
#pragma once

#include <string_view>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/zip_directory.h"
#include "loader/container/zip_end.h"
#include "loader/container/zip_local.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::testing {

inline Result<zip::DirectoryListing> directory_of(std::string_view file,
                                                  const Limits& limits = {}) {
  const MemorySource source = source_of(file);
  HARDLOAD_ASSIGN(const zip::Directory directory, zip::find_directory(source, limits));
  return zip::read_directory(source, directory, limits);
}

// The directory of an archive of one record, "m/a" with the content "abc", whose entry is changed
// by `tweak`. The entry lies at byte 52.
template <typename Tweak>
Result<zip::DirectoryListing> directory_with_entry(const Tweak& tweak) {
  return directory_of(ZipBuilder(0).add("m/a", "abc", {.central = tweak}).build());
}

// The directory, its records located.
inline Result<zip::DirectoryListing> located(const ByteSource& source) {
  HARDLOAD_ASSIGN(const zip::Directory directory, zip::find_directory(source, {}));
  HARDLOAD_ASSIGN(zip::DirectoryListing listing, zip::read_directory(source, directory, {}));
  HARDLOAD_TRY(zip::locate_records(source, listing.records, directory.offset));
  return listing;
}
inline Result<zip::DirectoryListing> located(std::string_view file) {
  return located(source_of(file));
}

}  // namespace hardload::testing
