// hash_combine: the step of the hashes in `.data/serialization_id`.
#pragma once

#include <cstdint>

namespace hardload {

// Boost's, as caffe2/serialize/inline_container.cc (writeSerializationId) uses it: for a chain over
// the CRC fields of the records, and one over their names.
constexpr std::uint64_t hash_combine(std::uint64_t hash, std::uint64_t value) {
  return hash ^ (value + 0x9e3779b9u + (hash << 6) + (hash >> 2));
}

}  // namespace hardload
