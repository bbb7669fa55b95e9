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

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::size_t ZipArchive::FoldedHash::operator()(std::string_view name) const {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), folded);
  return seeded_hash(lower);
}

bool ZipArchive::FoldedEqual::operator()(std::string_view a, std::string_view b) const {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return folded(x) == folded(y); });
}

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
  by_name_.reserve(records_.size());
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    const auto [other, added] = by_name_.emplace(records_[i].name, i);
    if (added) continue;
    const bool same = other->first == records_[i].name;
    return Error(ErrorKind::kName, Stage::kContainer,
                 same ? std::string("two records have this name")
                      : concat("another record's name, '", other->first,
                               "', differs in upper and lower case only"))
        .in_record(records_[i].name)
        .at(records_[i].header_offset);
  }
  return {};
}

const Record* ZipArchive::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->first != name) return nullptr;
  return &records_[found->second];
}

}  // namespace hardload
