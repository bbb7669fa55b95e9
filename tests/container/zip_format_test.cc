// Each parser reads every field of its structure, and nothing from too few bytes or others.

#include "loader/container/zip_format.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/support/matchers.h"

namespace hardload::zip {
namespace {

using testing::as_bytes;
using testing::u16;
using testing::u32;
using testing::u64;

const std::string kLocal = u32(kLocalSignature) + u16(20) + u16(0x0808) + u16(8) + u16(1) + u16(2) +
                           u32(0xdeadbeef) + u32(123456) + u32(654321) + u16(14) + u16(300);
const std::string kCentral = u32(kCentralSignature) + u16(0x0314) + u16(20) + u16(0x0801) + u16(8) +
                             u16(1) + u16(2) + u32(0xdeadbeef) + u32(123456) + u32(654321) +
                             u16(14) + u16(300) + u16(5) + u16(6) + u16(7) + u32(0x81a40010) +
                             u32(0x89abcdef);
const std::string kEnd =
    u32(kEndSignature) + u16(1) + u16(2) + u16(3) + u16(4) + u32(55555) + u32(66666) + u16(7);
const std::string kLocator = u32(kLocatorSignature) + u32(1) + u64(0x123456789abcdef0) + u32(3);
const std::string kEnd64 = u32(kEnd64Signature) + u64(44) + u16(0x031e) + u16(45) + u32(1) +
                           u32(2) + u64(3) + u64(4) + u64(0x1111111111111111) +
                           u64(0xfedcba9876543210);

// That `parse` takes all of `bytes`, no less, and no other signature.
template <typename Parse>
void expect_exact(const std::string& bytes, std::size_t declared, const Parse& parse) {
  EXPECT_EQ(bytes.size(), declared);
  EXPECT_TRUE(parse(as_bytes(bytes)).has_value());
  EXPECT_TRUE(parse(as_bytes(bytes + "more")).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse(as_bytes(bytes).first(size)).has_value()) << size;
  }
  for (std::size_t at = 0; at < 4; ++at) {
    std::string other = bytes;
    other[at] ^= 1;
    EXPECT_FALSE(parse(as_bytes(other)).has_value()) << at;
  }
}

TEST(ZipFormat, TakesWholeStructuresOfTheRightSignature) {
  expect_exact(kLocal, kLocalBytes, parse_local);
  expect_exact(kCentral, kCentralBytes, parse_central);
  expect_exact(kEnd, kEndBytes, parse_end);
  expect_exact(kLocator, kLocatorBytes, parse_locator);
  expect_exact(kEnd64, kEnd64Bytes, parse_end64);
}

TEST(ZipFormat, ReadsLocalHeaders) {
  const auto h = parse_local(as_bytes(kLocal));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->flags, 0x0808);
  EXPECT_EQ(h->method, 8);
  EXPECT_EQ(h->crc32, 0xdeadbeef);
  EXPECT_EQ(h->stored_bytes, 123456u);
  EXPECT_EQ(h->bytes, 654321u);
  EXPECT_EQ(h->name_bytes, 14);
  EXPECT_EQ(h->extra_bytes, 300);
}

TEST(ZipFormat, ReadsCentralHeaders) {
  const auto h = parse_central(as_bytes(kCentral));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->made_by, 0x0314);
  EXPECT_EQ(h->flags, 0x0801);
  EXPECT_EQ(h->method, 8);
  EXPECT_EQ(h->crc32, 0xdeadbeef);
  EXPECT_EQ(h->stored_bytes, 123456u);
  EXPECT_EQ(h->bytes, 654321u);
  EXPECT_EQ(h->name_bytes, 14);
  EXPECT_EQ(h->extra_bytes, 300);
  EXPECT_EQ(h->comment_bytes, 5);
  EXPECT_EQ(h->disk, 6);
  EXPECT_EQ(h->external_attributes, 0x81a40010);
  EXPECT_EQ(h->header_offset, 0x89abcdef);
}

TEST(ZipFormat, ReadsEndRecords) {
  const auto h = parse_end(as_bytes(kEnd));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->disk, 1);
  EXPECT_EQ(h->directory_disk, 2);
  EXPECT_EQ(h->disk_records, 3);
  EXPECT_EQ(h->records, 4);
  EXPECT_EQ(h->directory_bytes, 55555u);
  EXPECT_EQ(h->directory_offset, 66666u);
  EXPECT_EQ(h->comment_bytes, 7);
}

TEST(ZipFormat, ReadsZip64Locators) {
  const auto h = parse_locator(as_bytes(kLocator));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->disk, 1u);
  EXPECT_EQ(h->end64_offset, 0x123456789abcdef0u);
  EXPECT_EQ(h->disks, 3u);
}

TEST(ZipFormat, ReadsZip64EndRecords) {
  const auto h = parse_end64(as_bytes(kEnd64));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->own_bytes, 44u);
  EXPECT_EQ(h->disk, 1u);
  EXPECT_EQ(h->directory_disk, 2u);
  EXPECT_EQ(h->disk_records, 3u);
  EXPECT_EQ(h->records, 4u);
  EXPECT_EQ(h->directory_bytes, 0x1111111111111111u);
  EXPECT_EQ(h->directory_offset, 0xfedcba9876543210u);
}

}  // namespace
}  // namespace hardload::zip
