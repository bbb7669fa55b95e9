// seeded_hash: a hash for names that an attacker chose.
//
// A table keyed by names from a file degrades to a list if its maker knows the hash. The seed
// differs from process to process, so collisions cannot be prepared; nothing depends on the order
// in which a table is walked, so results do not vary with it.
#pragma once

#include <cstdint>
#include <string_view>

namespace hardload {

// Well mixed 64-bit hash of `text` under this process's seed.
std::uint64_t seeded_hash(std::string_view text);

// The same for all texts that differ in the case of ASCII letters only.
std::uint64_t seeded_hash_ignoring_case(std::string_view text);

}  // namespace hardload
