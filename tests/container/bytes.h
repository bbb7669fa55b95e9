// Little-endian fields for tests: as text, and patched into a file.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hardload::testing {

template <std::unsigned_integral T>
std::string little_endian(T value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return out;
}
inline std::string u16(std::uint16_t value) { return little_endian(value); }
inline std::string u32(std::uint32_t value) { return little_endian(value); }
inline std::string u64(std::uint64_t value) { return little_endian(value); }

// `file` with the bytes at `offset` replaced by `field`.
inline std::string patched(std::string file, std::size_t offset, const std::string& field) {
  return file.replace(offset, field.size(), field);
}

// An extra field of a zip header.
inline std::string extra_field(std::uint16_t id, const std::string& data) {
  return u16(id) + u16(static_cast<std::uint16_t>(data.size())) + data;
}

}  // namespace hardload::testing
