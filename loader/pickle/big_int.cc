#include "loader/pickle/big_int.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hardload {
namespace {

constexpr std::size_t kMostDigits = 4300;
// No number of more bytes has so few digits: 256^1786 > 10^4300.
constexpr std::size_t kMostDecimalBytes = 1786;

using Magnitude = std::vector<std::uint8_t>;  // most significant byte first, no leading zeros

Magnitude magnitude_of(std::span<const std::byte> bytes, bool negative) {
  Magnitude magnitude;
  std::uint32_t carry = negative ? 1 : 0;  // -x is ~x + 1
  for (const std::byte byte : bytes) {
    const std::uint32_t value = std::to_integer<std::uint32_t>(negative ? ~byte : byte) + carry;
    magnitude.push_back(static_cast<std::uint8_t>(value));
    carry = value >> 8;
  }
  if (carry != 0) magnitude.push_back(1);
  while (!magnitude.empty() && magnitude.back() == 0) magnitude.pop_back();
  std::reverse(magnitude.begin(), magnitude.end());
  return magnitude;
}

std::string decimal(const Magnitude& magnitude) {
  constexpr std::uint64_t kBillion = 1'000'000'000;
  std::vector<std::uint32_t> limbs((magnitude.size() + 3) / 4);  // the most significant first
  for (std::size_t i = 0; i < magnitude.size(); ++i) {
    const std::size_t place = magnitude.size() - 1 - i;  // of the byte, from the least significant
    limbs[limbs.size() - 1 - place / 4] |= std::uint32_t{magnitude[i]} << (8 * (place % 4));
  }
  std::string digits;  // least significant first
  auto first = limbs.begin();
  while (first != limbs.end()) {
    std::uint64_t remainder = 0;
    for (auto limb = first; limb != limbs.end(); ++limb) {
      const std::uint64_t value = (remainder << 32) | *limb;
      *limb = static_cast<std::uint32_t>(value / kBillion);
      remainder = value % kBillion;
    }
    first = std::find_if(first, limbs.end(), [](std::uint32_t limb) { return limb != 0; });
    const bool last = first == limbs.end();
    for (int i = 0; i < 9 && (!last || remainder != 0); ++i, remainder /= 10) {
      digits += static_cast<char>('0' + remainder % 10);
    }
  }
  std::reverse(digits.begin(), digits.end());
  return digits.empty() ? "0" : digits;
}

std::string hexadecimal(const Magnitude& magnitude) {
  std::string digits = "0x";
  for (const std::uint8_t byte : magnitude) {
    if (digits.size() > 2 || byte >= 16) digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

}  // namespace

std::string big_int_text(std::span<const std::byte> bytes) {
  const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
  const Magnitude magnitude = magnitude_of(bytes, negative);
  const std::string digits =
      magnitude.size() > kMostDecimalBytes ? std::string() : decimal(magnitude);
  const bool fits = !digits.empty() && digits.size() <= kMostDigits;
  return (negative ? "-" : "") + (fits ? digits : hexadecimal(magnitude));
}

}  // namespace hardload
