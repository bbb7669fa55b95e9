#include "loader/container/zip_archive.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/text.h"
#include "loader/container/zip_directory.h"
#include "loader/container/zip_end.h"
#include "loader/container/zip_local.h"

namespace hardload {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

Result<ZipArchive> ZipArchive::open(const ByteSource& source, const Limits& limits) {
  HARDLOAD_ASSIGN(const zip::Directory directory, zip::find_directory(source, limits));
  HARDLOAD_ASSIGN(zip::DirectoryListing listing, zip::read_directory(source, directory, limits));
  ZipArchive archive;
  archive.directory_ = std::move(listing.bytes);
  archive.records_ = std::move(listing.records);
  HARDLOAD_TRY(archive.index_names());
  HARDLOAD_TRY(zip::locate_records(source, archive.records_, directory.offset));
  return archive;
}

Result<void> ZipArchive::index_names() {
  by_name_ = NameIndex(records_.size());
  const auto repeated = by_name_.insert_all(
      static_cast<std::uint32_t>(records_.size()),
      [&](std::uint32_t i) { return seeded_hash_ignoring_case(records_[i].name); },
      [&](std::uint32_t i, std::uint32_t j) {
        return equal_ignoring_case(records_[i].name, records_[j].name);
      });
  if (!repeated) return {};
  const Record &first = records_[repeated->first], &second = records_[repeated->second];
  return Error(ErrorKind::kName, Stage::kContainer,
               first.name == second.name ? std::string("two records have this name")
                                         : concat("another record's name, '", first.name,
                                                  "', differs in upper and lower case only"))
      .in_record(second.name)
      .at(second.header_offset);
}

const Record* ZipArchive::find(std::string_view name) const {
  const auto found = by_name_.find(seeded_hash_ignoring_case(name),
                                   [&](std::uint32_t i) { return records_[i].name == name; });
  return found ? &records_[*found] : nullptr;
}

const Record* ZipArchive::find_ignoring_case(std::string_view name) const {
  const auto found = by_name_.find(seeded_hash_ignoring_case(name), [&](std::uint32_t i) {
    return equal_ignoring_case(records_[i].name, name);
  });
  return found ? &records_[*found] : nullptr;
}

}  // namespace hardload
