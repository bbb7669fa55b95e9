#include "loader/container/crc32.h"

#include <libdeflate.h>

#include "loader/container/crc32_folded.h"
#include "loader/container/crc32_polynomial.h"

namespace hardload {

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before) {
  if (can_fold_crc32()) return crc32_folded(bytes, before);
  return libdeflate_crc32(before, bytes.data(), bytes.size());
}

std::uint32_t crc32_joined(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  std::uint32_t shift = crc_power(second_bytes);
  for (int doubling = 0; doubling < 3; ++doubling) shift = crc_product(shift, shift);  // to bits
  return crc_product(first, shift) ^ second;
}

}  // namespace hardload
