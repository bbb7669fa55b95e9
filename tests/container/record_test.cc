// A record lacks its CRC-32 exactly where the field is 0 and there is content to check.

#include "loader/container/record.h"

#include <gtest/gtest.h>

namespace hardload {
namespace {

Record record_with(std::uint32_t crc32, std::uint64_t bytes) {
  return {.name = "m/a",
          .header_offset = 0,
          .data_offset = 0,
          .stored_bytes = bytes,
          .bytes = bytes,
          .crc32 = crc32,
          .flags = 0,
          .compression = Compression::kStored};
}

TEST(Record, LacksItsCrcWhereTheFieldIsZeroAndThereIsContent) {
  EXPECT_TRUE(record_with(0, 1).lacks_crc32());
  EXPECT_FALSE(record_with(1, 1).lacks_crc32());
  EXPECT_FALSE(record_with(0, 0).lacks_crc32());
}

}  // namespace
}  // namespace hardload
