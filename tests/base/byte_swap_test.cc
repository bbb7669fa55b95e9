// swap_bytes reverses each unit and nothing else.

#include "loader/base/byte_swap.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace hardload {
namespace {

std::string swapped(std::string bytes, std::size_t unit) {
  swap_bytes(std::as_writable_bytes(std::span(bytes.data(), bytes.size())), unit);
  return bytes;
}

TEST(SwapBytes, ReversesEachUnit) {
  EXPECT_EQ(swapped("abcdefghijklmnop", 1), "abcdefghijklmnop");
  EXPECT_EQ(swapped("abcdefghijklmnop", 2), "badcfehgjilknmpo");
  EXPECT_EQ(swapped("abcdefghijklmnop", 4), "dcbahgfelkjiponm");
  EXPECT_EQ(swapped("abcdefghijklmnop", 8), "hgfedcbaponmlkji");
}

TEST(SwapBytes, OfNothingIsNothing) {
  for (const std::size_t unit : {1u, 2u, 4u, 8u}) EXPECT_EQ(swapped("", unit), "");
}

TEST(SwapBytes, TwiceIsTheSame) {
  std::string bytes(64 * 1024, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
  for (const std::size_t unit : {2u, 4u, 8u}) {
    EXPECT_NE(swapped(bytes, unit), bytes) << unit;
    EXPECT_EQ(swapped(swapped(bytes, unit), unit), bytes) << unit;
  }
}

}  // namespace
}  // namespace hardload
