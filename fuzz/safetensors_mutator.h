// mutate_safetensors: mutations of a safetensors file that mostly leave it one.
//
// A byte changed at random in the header nearly always breaks the JSON, a size or an offset, and
// the reader stops there. This changes names, dtypes, sizes, metadata and their number, and writes
// the header again with a length and offsets that match; or it changes the text of the header and
// repairs the length alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hardload::fuzz {

// For LLVMFuzzerCustomMutator: changes `data`, of `size` bytes with room for `max_size`, and
// returns the new size.
std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t max_size,
                               unsigned seed);

}  // namespace hardload::fuzz
