// read_system_info: what a checkpoint before torch 1.6 says of the machine that wrote it.
//
// A dict: protocol_version, little_endian, and type_sizes of short, int and long. Torch reads it
// and uses nothing of it: elements are little-endian whatever it says.
#pragma once

#include <cstdint>

#include "loader/base/result.h"
#include "loader/pickle/pickle_stream.h"

namespace hardload {

// Errors: kByteOrder where little_endian is neither True nor False; kContainer where `version` is
// not what it says, or the sizes are none that a machine has.
Result<void> read_system_info(PickleStream& stream, std::int64_t version);

}  // namespace hardload
