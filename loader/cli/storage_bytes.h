// read_storage: all bytes of one storage, for commands that look at tensor data.
#pragma once

#include <cstdint>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Storage `storage` of the manifest, inflated, little-endian, its CRC-32 verified; nothing for an
// empty one. Errors: those of read_record.
Result<Buffer> read_storage(const ByteSource& source, const Manifest& manifest,
                            std::uint32_t storage, const Limits& limits);

}  // namespace hardload
