// crc32: the checksum of zip records (CRC-32/ISO-HDLC, APPNOTE 4.4.7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hardload {

// The CRC of `bytes` after earlier bytes whose CRC was `before` (0 for none).
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace hardload
