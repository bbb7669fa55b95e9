// FileSource past the page cache: the same bytes, whatever the file system thinks of it.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "loader/bytes/file_source.h"
#include "loader/bytes/slice_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

constexpr std::uint64_t kUnit = ByteSource::kDirectUnit;

std::string mixed(std::size_t count) {
  std::string bytes;
  std::uint32_t state = 9;
  while (bytes.size() < count) {
    bytes += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  }
  return bytes;
}

// What read_direct gives for `count` bytes, a multiple of the unit, up to the source's end.
std::string read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(kUnit, count)), &std::free);
  const std::span<std::byte> out(memory.get(), count);
  EXPECT_OK(source.read_direct(offset, out));
  const std::uint64_t there = std::min<std::uint64_t>(count, source.size() - offset);
  return std::string(testing::text_of(out.first(there)));
}

TEST(FileSourceDirect, GivesTheBytesOfTheFile) {
  for (const std::size_t size : {std::size_t{3} * kUnit, std::size_t{3} * kUnit + 1,
                                 std::size_t{4} * kUnit - 1, std::size_t{100}}) {
    const std::string bytes = mixed(size);
    const auto source = FileSource::open(testing::write_temporary("direct", bytes)).value();
    for (std::uint64_t offset = 0; offset < size; offset += kUnit) {
      for (const std::size_t count :
           {std::size_t{kUnit}, std::size_t{2} * kUnit, std::size_t{8} * kUnit}) {
        EXPECT_TRUE(read(*source, offset, count) == bytes.substr(offset, count)) << offset;
      }
    }
  }
}

TEST(FileSourceDirect, FindsAFileThatBecameShorter) {
  const std::string path = testing::write_temporary("shorter", mixed(4 * kUnit));
  const auto source = FileSource::open(path).value();
  ASSERT_EQ(::truncate(path.c_str(), kUnit + 5), 0);
  alignas(kUnit) static std::byte out[2 * kUnit];
  EXPECT_ERROR(source->read_direct(kUnit, out), ErrorKind::kIo, "shorter");
  EXPECT_ERROR(source->read_direct(2 * kUnit, out), ErrorKind::kIo, "shorter");
  EXPECT_ERROR(source->read_direct(5 * kUnit, out), ErrorKind::kBounds, "the file ends");
}

TEST(FileSourceDirect, ReadsNoMoreThanTheFileHad) {
  const std::string path = testing::write_temporary("longer", mixed(kUnit + 5));
  const auto source = FileSource::open(path).value();
  ASSERT_EQ(::truncate(path.c_str(), 9 * kUnit), 0);
  EXPECT_TRUE(read(*source, 0, 2 * kUnit) == mixed(kUnit + 5));
  EXPECT_ERROR(source->check_unchanged(), ErrorKind::kIo, "changed");
}

TEST(FileSourceDirect, ReadsAsUsualWhereThereIsNoOtherWay) {
  // Not aligned, which no file system reads past its cache.
  const std::string bytes = mixed(3 * kUnit);
  const auto source = FileSource::open(testing::write_temporary("usual", bytes)).value();
  alignas(kUnit) static std::byte out[kUnit + 64];
  const std::span<std::byte> askew(out + 64, kUnit);
  ASSERT_OK(source->read_direct(kUnit, askew));
  EXPECT_EQ(testing::text_of(askew), bytes.substr(kUnit, kUnit));
}

TEST(FileSourceDirect, KnowsWhatIsInThePageCache) {
  const std::string path = testing::write_temporary("cached", mixed(1 << 20));
  const auto source = FileSource::open(path).value();
  EXPECT_TRUE(source->is_cached(0));
  EXPECT_TRUE(source->is_cached(source->size()));
  const int file = ::open(path.c_str(), O_RDONLY);
  ASSERT_EQ(::fsync(file), 0);
  ASSERT_EQ(::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
  ::close(file);
  // Where it cannot be told (memory is the only disk), it is.
  const bool is_cold = !source->is_cached(512 << 10);
  EXPECT_TRUE(read(*source, 0, 1 << 20) == mixed(1 << 20));
  if (!is_cold) GTEST_SKIP() << "this file system keeps its files in memory";
}

TEST(SliceSourceDirect, IsThatOfTheWholeWhereItIsAligned) {
  const std::string bytes = mixed(5 * kUnit);
  const std::shared_ptr<const ByteSource> whole =
      FileSource::open(testing::write_temporary("sliced", bytes)).value();
  for (const std::uint64_t offset : {std::uint64_t{0}, kUnit, std::uint64_t{100}}) {
    const auto slice = SliceSource::make(whole, offset, bytes.size() - offset).value();
    EXPECT_EQ(read(*slice, kUnit, kUnit), bytes.substr(offset + kUnit, kUnit));
    EXPECT_TRUE(slice->is_cached(0));
  }
}

}  // namespace
}  // namespace hardload
