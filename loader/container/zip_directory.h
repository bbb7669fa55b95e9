// read_directory: the central directory of a zip file as a list of records.
//
// Checks everything that one entry can say wrong by itself: flags, method, sizes, zip64 values,
// attributes, names. How the entries fit the file is checked in zip_local.h.
#pragma once

#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/container/record.h"
#include "loader/container/zip_end.h"

namespace hardload::zip {

struct DirectoryListing {
  Buffer bytes;                 // the directory itself, which the records' names point into
  std::vector<Record> records;  // in directory order; data_offset is not known yet (0)
};

// Errors: kContainer, kBounds, kUnsupported, kName, kLimit; each names the entry and its byte.
Result<DirectoryListing> read_directory(const ByteSource& source, const Directory& directory,
                                        const Limits& limits);

}  // namespace hardload::zip
