// RawStorages: what stands in front of each storage is held against what is there.

#include "loader/container/raw_storages.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/old_formats.h"

namespace hardload {
namespace {

Result<std::uint64_t> add(RawStorages& storages, std::string_view key, std::int64_t count,
                          std::optional<std::uint64_t> declared = std::nullopt,
                          const Limits& limits = {}) {
  const std::string bytes = testing::int64_bytes(count);
  return storages.add({key, 4, declared}, testing::as_bytes(bytes), 100, 200, limits);
}

TEST(RawStorages, AreRecordsWithoutChecksums) {
  RawStorages storages(Format::kLegacyStream, 1001);
  for (unsigned i = 0; i < 40; ++i) {
    const auto end = add(storages, std::to_string(i), i % 3, i % 3);
    ASSERT_OK(end);
    EXPECT_EQ(*end, 108u + 4 * (i % 3));
  }
  ASSERT_OK(storages.make_index());
  RawStorages moved = std::move(storages);
  EXPECT_EQ(moved.storage_records(), 40u);
  const Record* record = moved.storage("31");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->name, "31");
  EXPECT_EQ(record->header_offset, 100u);
  EXPECT_EQ(record->data_offset, 108u);
  EXPECT_EQ(record->bytes, 4u);
  EXPECT_TRUE(record->lacks_crc32());
  EXPECT_EQ(moved.storage("32", record), record + 1);
  EXPECT_EQ(moved.storage("30", record), record - 1);
  EXPECT_EQ(moved.storage("39", &moved.records().back()), &moved.records().back());
  EXPECT_EQ(moved.storage("40"), nullptr);
  EXPECT_EQ(moved.format(), Format::kLegacyStream);
  EXPECT_EQ(moved.version(), 1001u);
  EXPECT_EQ(moved.byte_order(), ByteOrder::kLittle);
  EXPECT_EQ(moved.following(), 0u);
}

TEST(RawStorages, RefuseCountsThatAreNotThere) {  // L04
  RawStorages storages(Format::kTar, std::nullopt);
  EXPECT_OK(add(storages, "fits", 23));
  EXPECT_ERROR(add(storages, "a", 24), ErrorKind::kBounds, "only 92 bytes follow");
  EXPECT_ERROR(add(storages, "a", -1), ErrorKind::kStorage, "-1 elements");
  EXPECT_ERROR(add(storages, "a", std::int64_t{1} << 62), ErrorKind::kBounds, "bytes follow");
  EXPECT_ERROR(add(storages, "a", 3, 4), ErrorKind::kStorage, "expected 4 elements, got 3");
  EXPECT_ERROR(add(storages, "a", 1, 1, {.max_records = 1}), ErrorKind::kLimit, "max_records, 1");
  EXPECT_EQ(add(storages, "a", -1).error().record(), "a");
  EXPECT_EQ(add(storages, "a", -1).error().offset(), 100u);
}

TEST(RawStorages, AreThereOnce) {
  RawStorages storages(Format::kTar, std::nullopt);
  for (const char* key : {"a", "b", "a"}) ASSERT_OK(add(storages, key, 1));
  const auto indexed = storages.make_index();
  EXPECT_ERROR(indexed, ErrorKind::kStorage, "there twice");
  ASSERT_FALSE(indexed.ok());
  EXPECT_EQ(indexed.error().record(), "a");
}

}  // namespace
}  // namespace hardload
