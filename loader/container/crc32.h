// crc32, crc32_joined: the checksum of zip records (CRC-32/ISO-HDLC, APPNOTE 4.4.7).
//
// Large content is checked in parts, on several threads, each part while it is in the cache:
//
//   const std::uint32_t crc = crc32_joined(crc32(first), crc32(second), second.size());
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hardload {

// The CRC of `bytes` after earlier bytes whose CRC was `before` (0 for none).
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The CRC of bytes whose CRC is `first` and, behind them, `second_bytes` bytes whose CRC is
// `second`.
std::uint32_t crc32_joined(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

}  // namespace hardload
