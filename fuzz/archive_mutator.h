// mutate_archive: mutations of a zip file that leave it a zip file.
//
// A byte changed at random in an archive nearly always breaks a CRC, a size or an offset, and the
// reader stops there. This mutates the *content*: takes the archive apart, changes a record, and
// writes it again with everything that has to match matching.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hardload::fuzz {

// For LLVMFuzzerCustomMutator: changes `data`, of `size` bytes with room for `max_size`, and
// returns the new size. Inputs that are no archive are mutated as bytes, or replaced by a small one
// that is; some archives are mutated as bytes, too, to break their structure.
std::size_t mutate_archive(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           unsigned seed);

}  // namespace hardload::fuzz
