// locate_records: where each record's bytes lie, proved.
//
// A zip describes every record twice: in the central directory and in a local header in front of
// the data. Scanner and loader may each believe another one. Here both must agree, and local
// headers, data, data descriptors and the directory must fill the file without gap or overlap, so
// that no byte of it has two readings.
//
// Torch pads in the local header's extra field, so extra fields differ legitimately and are not
// compared. It writes a data descriptor after each record but the empty ones.
#pragma once

#include <span>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/record.h"

namespace hardload::zip {

// Sets data_offset of each of `records`, which the directory at `directory_offset` lists. Errors:
// kContainer, kBounds; each names the record and the byte in the file.
Result<void> locate_records(const ByteSource& source, std::span<Record> records,
                            std::uint64_t directory_offset);

}  // namespace hardload::zip
