// check_absent_crcs: whether records lack their CRC-32 because nobody computed it; hash_combine.
//
// A CRC field of 0 is legal: set_crc32_options(False) writes 0 in all records, skip_data in the
// storages'. It is also what somebody leaves who altered a record. The record
// `.data/serialization_id` tells: its second half was made from the fields as they were written.
#pragma once

#include <cstdint>
#include <span>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/record.h"

namespace hardload {

// Boost's, as caffe2/serialize/inline_container.cc (writeSerializationId) uses it: for a chain over
// the CRC fields of the records, and one over their names.
constexpr std::uint64_t hash_combine(std::uint64_t hash, std::uint64_t value) {
  return hash ^ (value + 0x9e3779b9u + (hash << 6) + (hash >> 2));
}

// Success where all records of an archive have a CRC-32, `id` (its serialization id) is nullptr, or
// agrees with the fields. Errors: kChecksum where it does not; those of reading it.
Result<void> check_absent_crcs(const ByteSource& source, std::span<const Record> records,
                               const Record* id, const Limits& limits);

}  // namespace hardload
