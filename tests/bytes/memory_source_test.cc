// MemorySource reads and lends bytes that are in memory.

#include "loader/bytes/memory_source.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(MemorySource, BorrowsBytes) {
  const std::string bytes = "0123456789";
  const MemorySource source(testing::as_bytes(bytes), "upload");
  EXPECT_EQ(source.name(), "upload");
  EXPECT_EQ(source.size(), 10u);
  EXPECT_EQ(source.allocated_bytes(), 10u);
  EXPECT_EQ(static_cast<const void*>(source.view().data()), bytes.data());
  EXPECT_EQ(source.view().size(), 10u);
  EXPECT_EQ(read(source, 0, 10).value(), bytes);
  EXPECT_EQ(read(source, 4, 3).value(), "456");
  EXPECT_EQ(read(source, 10, 0).value(), "");
  EXPECT_OK(source.check_unchanged());
}

TEST(MemorySource, ReadsNothingPastTheEnd) {
  const MemorySource source(testing::as_bytes("0123456789"), "upload");
  EXPECT_ERROR(read(source, 1, 10), ErrorKind::kBounds, "upload: Bounds error at byte 1");
  EXPECT_ERROR(read(source, 11, 0), ErrorKind::kBounds, "the file ends at byte 10");
  EXPECT_ERROR(read(source, ~std::uint64_t{0}, 1), ErrorKind::kBounds, "the file ends at byte 10");
}

TEST(MemorySource, MayBeEmpty) {
  const MemorySource source({}, "nothing");
  EXPECT_EQ(source.size(), 0u);
  EXPECT_OK(read(source, 0, 0));
  EXPECT_ERROR(read(source, 0, 1), ErrorKind::kBounds, "the file ends at byte 0");
}

TEST(MemorySource, OwnsABufferOfWhichSomeBytesCount) {
  const std::string bytes = "0123456789";
  Buffer buffer = Buffer::read(testing::source_of(bytes), 0, 10).value();
  const std::byte* const data = buffer.bytes().data();
  const MemorySource source(std::move(buffer), 6, "owned");
  EXPECT_EQ(source.size(), 6u);
  EXPECT_EQ(source.view().data(), data);
  EXPECT_EQ(testing::text_of(source.view()), "012345");
  EXPECT_ERROR(read(source, 0, 7), ErrorKind::kBounds, "the file ends at byte 6");
}

}  // namespace
}  // namespace hardload
