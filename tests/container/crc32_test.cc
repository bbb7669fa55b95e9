// crc32 equals published values and a bit-by-bit computation, in one piece and in several.

#include "loader/container/crc32.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/container/crc32_folded.h"
#include "loader/container/crc32_polynomial.h"
#include "tests/support/matchers.h"

// The linker has hardload::can_fold_crc32() called by this name (--wrap).
extern "C" bool __real__ZN8hardload14can_fold_crc32Ev();

namespace {

bool may_fold = true;

}  // namespace

extern "C" bool __wrap__ZN8hardload14can_fold_crc32Ev() {
  return may_fold && __real__ZN8hardload14can_fold_crc32Ev();
}

namespace hardload {
namespace {

using testing::as_bytes;

// The definition: polynomial 0x04c11db7, reflected, all bits inverted before and after.
std::uint32_t crc32_by_bits(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

std::string mixed_bytes(std::size_t count) {
  std::string bytes;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes += static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST(Crc32, EqualsPublishedValues) {
  EXPECT_EQ(crc32(as_bytes("")), 0u);
  EXPECT_EQ(crc32(as_bytes("a")), 0xe8b7be43u);
  EXPECT_EQ(crc32(as_bytes("abc")), 0x352441c2u);
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);
  EXPECT_EQ(crc32(as_bytes("The quick brown fox jumps over the lazy dog")), 0x414fa339u);
  EXPECT_EQ(crc32(as_bytes(std::string(32, '\0'))), 0x190a55adu);
  EXPECT_EQ(crc32(as_bytes(std::string(32, '\xff'))), 0xff6cab0bu);
}

TEST(Crc32, IsZeroForBytesThatAreNot) { EXPECT_EQ(crc32(as_bytes("\x9d\x0a\xd9\x6d")), 0u); }

// Also on a processor that has nothing of its own for it.
TEST(Crc32, EqualsTheDefinitionAtEveryLengthAndAlignment) {
  const std::string bytes = mixed_bytes(700);
  for (const bool folding : {true, false}) {
    may_fold = folding;
    for (std::size_t start : {0u, 1u, 3u, 8u, 15u}) {
      for (std::size_t count = 0; start + count <= bytes.size(); count += 7) {
        const std::string_view part = std::string_view(bytes).substr(start, count);
        ASSERT_EQ(crc32(as_bytes(part)), crc32_by_bits(part)) << start << " " << count;
      }
    }
  }
  may_fold = true;
}

TEST(Crc32, ContinuesAfterEarlierBytes) {
  const std::string bytes = mixed_bytes(100);
  for (const bool folding : {true, false}) {
    may_fold = folding;
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      const std::uint32_t before = crc32(as_bytes(bytes).first(split));
      EXPECT_EQ(crc32(as_bytes(bytes).subspan(split), before), crc32_by_bits(bytes)) << split;
    }
  }
  may_fold = true;
}

TEST(Crc32, JoinsTheCrcsOfParts) {
  const std::string bytes = mixed_bytes(700);
  for (std::size_t split = 0; split <= bytes.size(); split += 3) {
    const auto first = as_bytes(bytes).first(split), second = as_bytes(bytes).subspan(split);
    EXPECT_EQ(crc32_joined(crc32(first), crc32(second), second.size()), crc32_by_bits(bytes));
  }
  // Zeros behind a byte, more than can be tried: that many squarings of x^8, here done one by one.
  std::uint32_t power = crc_power(8);
  for (int i = 0; i < 40; ++i) power = crc_product(power, power);
  EXPECT_EQ(crc32_joined(0x12345678, 0, std::uint64_t{1} << 40), crc_product(0x12345678, power));
}

TEST(Crc32Polynomial, HasThePublishedPowers) {
  // Intel's paper names R1 to R5, reflected and shifted by one.
  const auto shifted = [](std::uint64_t n) { return std::uint64_t{crc_power(n)} << 1; };
  EXPECT_EQ(shifted(4 * 128 + 32), 0x154442bd4u);
  EXPECT_EQ(shifted(4 * 128 - 32), 0x1c6e41596u);
  EXPECT_EQ(shifted(128 + 32), 0x1751997d0u);
  EXPECT_EQ(shifted(128 - 32), 0x0ccaa009eu);
  EXPECT_EQ(shifted(64), 0x163cd6124u);
}

TEST(Crc32Folded, EqualsTheDefinition) {
  if (!can_fold_crc32()) GTEST_SKIP() << "this processor has no VPCLMULQDQ";
  const std::string bytes = mixed_bytes(3000);
  for (std::size_t start : {0u, 1u, 7u, 31u}) {
    for (std::size_t count = 0; start + count <= bytes.size(); count += 13) {
      const std::string_view part = std::string_view(bytes).substr(start, count);
      ASSERT_EQ(crc32_folded(as_bytes(part), 0), crc32_by_bits(part)) << start << " " << count;
      const std::uint32_t before = crc32_by_bits(std::string_view(bytes).substr(0, start));
      ASSERT_EQ(crc32_folded(as_bytes(part), before),
                crc32_by_bits(std::string_view(bytes).substr(0, start + count)));
    }
  }
}

}  // namespace
}  // namespace hardload
