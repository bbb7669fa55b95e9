// find_directory: where the central directory of a zip file lies.
//
// A zip is read from its end: end record, possibly zip64 locator and zip64 end record, and in front
// of them the central directory. Zip readers differ in how they search, which is how one file can
// show different contents to a scanner and to a loader. Here there is one answer or none: the end
// record must close the file, only one may do so, and the structures must touch each other.
#pragma once

#include <cstdint>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"

namespace hardload::zip {

struct Directory {
  std::uint64_t offset;   // of the first central header, bytes from the start of the file
  std::uint64_t bytes;    // up to the first end structure
  std::uint64_t records;  // as the end record declares
};

// Errors: kTooShort; kContainer where the structures are absent, doubled, apart or contradictory
// (a file that was cut short is kContainer, too, and names the record that is cut); kUnsupported
// for archives on several disks; kLimit over max_directory_bytes or max_records.
Result<Directory> find_directory(const ByteSource& source, const Limits& limits);

}  // namespace hardload::zip
