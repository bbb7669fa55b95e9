// ZipArchive: a zip or zip64 file whose structure has been proved, as records by name.
//
//   HARDLOAD_ASSIGN(auto archive, ZipArchive::open(source, limits));
//   if (const Record* record = archive.find("model/data.pkl")) {
//     HARDLOAD_ASSIGN(Buffer pickle, read_record(source, *record, {.limits = limits}));
//   }
//
// Opening reads the directory and the local headers, no content.
//
// Ownership: owns its copy of the directory, which names point into; moves, does not copy; does
// not keep the source. Threads: const functions from any number of threads.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/record.h"

namespace hardload {

class ZipArchive {
 public:
  // Errors: kTooShort, kContainer, kBounds, kUnsupported, kLimit; kName for a name that is unsafe
  // or stands there twice (also when only upper and lower case differ: readers disagree on that).
  static Result<ZipArchive> open(const ByteSource& source, const Limits& limits);

  // In directory order. Those whose name ends in "/" are folders, without content.
  std::span<const Record> records() const { return records_; }

  // The record of exactly this name, or nullptr.
  const Record* find(std::string_view name) const;

  // The record whose name is this but for the case of ASCII letters, or nullptr.
  const Record* find_ignoring_case(std::string_view name) const;

 private:
  Result<void> index_names();

  Buffer directory_;
  std::vector<Record> records_;
  NameIndex by_name_;  // by names without their case
};

}  // namespace hardload
