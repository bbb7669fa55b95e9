// crc32_folded: the CRC-32 of long runs of bytes by carry-less multiplication, 32 bytes at a time.
//
// For processors with AVX2 and VPCLMULQDQ; twice as fast as what 16-byte multiplication gives
// (bench/mechanisms.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hardload {

// Whether this processor can run crc32_folded.
bool can_fold_crc32();

// As crc32 (crc32.h). Call it only where can_fold_crc32().
std::uint32_t crc32_folded(std::span<const std::byte> bytes, std::uint32_t before);

}  // namespace hardload
