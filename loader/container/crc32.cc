#include "loader/container/crc32.h"

#include <libdeflate.h>

namespace hardload {

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before) {
  return libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace hardload
