// Buffer: what cannot be had or is not there is an Error, before any memory is taken for it.

#include "loader/bytes/buffer.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

// Sanitizers would end the test where memory cannot be had.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

namespace hardload {
namespace {

constexpr std::uint64_t kHuge[] = {std::uint64_t{1} << 62, std::uint64_t{1} << 63,
                                   ~std::uint64_t{0}};

TEST(BufferAllocate, GivesMemoryOfTheSize) {
  for (const std::uint64_t size : {0u, 1u, 4096u, 1'000'000u}) {
    Result<Buffer> buffer = Buffer::allocate(size);
    ASSERT_OK(buffer);
    EXPECT_EQ(buffer->size(), size);
    EXPECT_EQ(buffer->bytes().size(), size);
    EXPECT_EQ(buffer->text().size(), size);
    std::fill(buffer->bytes().begin(), buffer->bytes().end(), std::byte{'x'});
    EXPECT_EQ(buffer->text(), std::string(size, 'x'));
  }
}

TEST(BufferAllocate, SaysWhatCannotBeHad) {
  for (const std::uint64_t size : kHuge) {
    EXPECT_ERROR(Buffer::allocate(size), ErrorKind::kOutOfMemory,
                 std::to_string(size) + " bytes of memory could not be had");
  }
}

TEST(BufferRead, CopiesTheRange) {
  const std::string bytes = "0123456789";
  const MemorySource source = testing::source_of(bytes);
  const Result<Buffer> middle = Buffer::read(source, 2, 5);
  ASSERT_OK(middle);
  EXPECT_EQ(middle->text(), "23456");
  EXPECT_NE(static_cast<const void*>(middle->bytes().data()), bytes.data() + 2);
  EXPECT_EQ(Buffer::read(source, 0, 10).value().text(), bytes);
  EXPECT_EQ(Buffer::read(source, 10, 0).value().text(), "");
}

// C03: were memory taken first, this would be kOutOfMemory.
TEST(BufferRead, ComparesTheRangeBeforeItAllocates) {
  const MemorySource source = testing::source_of("0123456789");
  for (const std::uint64_t size : kHuge) {
    const Result<Buffer> buffer = Buffer::read(source, 4, size);
    ASSERT_TRUE(testing::is_error(buffer, ErrorKind::kBounds,
                                  std::to_string(size) + " bytes are needed here"));
    EXPECT_EQ(buffer.error().offset(), 4u);
  }
  EXPECT_ERROR(Buffer::read(source, 4, 7), ErrorKind::kBounds, "the file ends at byte 10");
  EXPECT_ERROR(Buffer::read(source, 11, 0), ErrorKind::kBounds, "the file ends at byte 10");
}

TEST(Buffer, MovesItsBytes) {
  Result<Buffer> original = Buffer::read(testing::source_of("abc"), 0, 3);
  ASSERT_OK(original);
  const std::byte* const data = original->bytes().data();
  const Buffer moved = *std::move(original);
  EXPECT_EQ(moved.text(), "abc");
  EXPECT_EQ(moved.bytes().data(), data);
}

TEST(Buffer, IsEmptyByDefault) {
  EXPECT_EQ(Buffer().size(), 0u);
  EXPECT_EQ(Buffer().text(), "");
}

}  // namespace
}  // namespace hardload
