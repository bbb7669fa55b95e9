// read_record, verify_record: the content of one record.
#pragma once

#include <cstdint>
#include <span>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/record.h"

namespace hardload {

struct RecordOptions {
  const Limits& limits;
  std::uint64_t max_bytes = ~std::uint64_t{0};  // of content
  bool verify_crc = true;
};

// That the content of `record` is justified by the bytes that are really there: in the record, and,
// where the file has holes, on the disk. kLimit where max_expansion says otherwise.
Result<void> check_expansion(const ByteSource& source, const Record& record, const Limits& limits);

// The same for all records together: each alone may use the whole slack.
Result<void> check_expansion(const ByteSource& source, std::span<const Record> records,
                             const Limits& limits);

// All content of `record`, inflated where needed, its CRC-32 compared unless it lacks one. Errors:
// kLimit over max_bytes or the expansion limits, before memory is taken; kChecksum; kContainer for
// a deflate stream that is broken or of another length; kOutOfMemory; those of reading.
Result<Buffer> read_record(const ByteSource& source, const Record& record,
                           const RecordOptions& options);

// kChecksum unless `actual`, the CRC-32 of the content, is what the archive says, if it says one.
Result<void> check_crc(const Record& record, std::uint32_t actual);

// Compares the CRC-32 of `record` with its content (and, where it is deflated, that it inflates to
// its declared size), in little memory unless it is deflated. The same errors. A record that lacks
// a CRC is read, but there is nothing to compare.
Result<void> verify_record(const ByteSource& source, const Record& record, const Limits& limits);

}  // namespace hardload
