// Cursor reads little-endian, in order, and never past the end, at every size and position.

#include "loader/base/cursor.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::as_bytes;

TEST(Cursor, ReadsLittleEndian) {
  const std::string bytes = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\xff";
  Cursor cursor(as_bytes(bytes));
  EXPECT_EQ(cursor.read<std::uint8_t>(), 0x01);
  EXPECT_EQ(cursor.read<std::uint16_t>(), 0x0302);
  EXPECT_EQ(cursor.read<std::uint32_t>(), 0x07060504u);
  EXPECT_EQ(cursor.position(), 7u);
  EXPECT_EQ(cursor.read<std::uint64_t>(), std::nullopt);
  EXPECT_EQ(cursor.read<std::uint32_t>(), 0x0b0a0908u);
  EXPECT_EQ(cursor.remaining(), 3u);
  EXPECT_EQ(cursor.read<std::uint32_t>(), std::nullopt);
  EXPECT_EQ(cursor.read<std::uint16_t>(), 0x0d0c);
  EXPECT_EQ(cursor.read<std::uint8_t>(), 0xff);
  EXPECT_EQ(cursor.remaining(), 0u);
}

TEST(Cursor, ReadsEightBytesWithTheTopBitSet) {
  Cursor cursor(as_bytes("\xfe\xff\xff\xff\xff\xff\xff\x80"));
  EXPECT_EQ(cursor.read<std::uint64_t>(), 0x80fffffffffffffeu);
}

// One exact allocation per size, so that a read past the end is one past the memory.
template <typename T>
void check_reads_at_every_size() {
  for (std::size_t size = 0; size <= 2 * sizeof(T) + 1; ++size) {
    const auto memory = std::make_unique<std::byte[]>(size);
    for (std::size_t skipped = 0; skipped <= size; ++skipped) {
      Cursor cursor({memory.get(), size});
      ASSERT_TRUE(cursor.take(skipped));
      const bool fits = size - skipped >= sizeof(T);
      EXPECT_EQ(cursor.read<T>().has_value(), fits) << size << " " << skipped;
      EXPECT_EQ(cursor.position(), skipped + (fits ? sizeof(T) : 0));
      EXPECT_EQ(cursor.remaining(), size - cursor.position());
    }
  }
}

TEST(Cursor, ReadsNothingWhereTooFewBytesAreLeft) {
  check_reads_at_every_size<std::uint8_t>();
  check_reads_at_every_size<std::uint16_t>();
  check_reads_at_every_size<std::uint32_t>();
  check_reads_at_every_size<std::uint64_t>();
}

TEST(Cursor, TakesUpToTheEnd) {
  const std::string bytes = "headername";
  Cursor cursor(as_bytes(bytes));
  EXPECT_EQ(cursor.take_text(6), "header");
  EXPECT_EQ(cursor.take_text(0), "");
  EXPECT_EQ(cursor.take_text(5), std::nullopt);
  EXPECT_EQ(cursor.position(), 6u);
  const auto rest = cursor.take(4);
  ASSERT_TRUE(rest);
  EXPECT_EQ(Cursor::as_text(*rest), "name");
  EXPECT_EQ(reinterpret_cast<const char*>(rest->data()), bytes.data() + 6);
  EXPECT_TRUE(cursor.take(0));
  EXPECT_FALSE(cursor.take(1));
}

// Q07, Q08: lengths near 2^64 must not wrap around the position.
TEST(Cursor, RefusesLengthsThatWouldWrap) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  Cursor cursor(as_bytes("0123456789"));
  ASSERT_TRUE(cursor.take(4));
  for (const std::uint64_t count : {kMax, kMax - 3, kMax - 4, std::uint64_t{1} << 63,
                                    std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1}) {
    EXPECT_FALSE(cursor.take(count)) << count;
    EXPECT_FALSE(cursor.take_text(count)) << count;
  }
  EXPECT_EQ(cursor.take_text(6), "456789");
}

TEST(Cursor, OfNothingHasNothing) {
  Cursor cursor({});
  EXPECT_EQ(cursor.remaining(), 0u);
  EXPECT_EQ(cursor.read<std::uint8_t>(), std::nullopt);
  EXPECT_EQ(cursor.take_text(0), "");
  EXPECT_FALSE(cursor.take(1));
}

}  // namespace
}  // namespace hardload
