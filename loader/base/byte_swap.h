// swap_bytes: between big- and little-endian, in place.
#pragma once

#include <cstddef>
#include <span>

namespace hardload {

// Reverses the bytes of each group of `unit` bytes (1, 2, 4 or 8). `bytes` is whole groups.
void swap_bytes(std::span<std::byte> bytes, std::size_t unit);

}  // namespace hardload
