// FileSource notices files that change under it, and counts what a sparse file really occupies.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "loader/bytes/file_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::read_file;
using testing::write_temporary;

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

std::unique_ptr<ByteSource> open(const std::string& path) { return FileSource::open(path).value(); }

// Writes in place, keeping the file's identity.
void overwrite(const std::string& path, std::string_view content) {
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << content;
}

void shift_time(const std::string& path) {
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) - std::chrono::seconds(10));
}

// V04
TEST(FileSourceChange, ReadingWhatWasCutOffFails) {
  const std::string path = write_temporary("cut", std::string(100'000, 'x'));
  const auto source = open(path);
  std::filesystem::resize_file(path, 1000);
  const auto result = read(*source, 500, 2000);
  ASSERT_TRUE(
      testing::is_error(result, ErrorKind::kIo, "the file became shorter while it was read"));
  EXPECT_EQ(result.error().offset(), 1000u);
  EXPECT_EQ(result.error().source(), path);
  EXPECT_EQ(read(*source, 0, 1000).value(), std::string(1000, 'x'));
  EXPECT_ERROR(source->check_unchanged(), ErrorKind::kIo, "changed");
}

// V05: also where its time is as it was.
TEST(FileSourceChange, AGrownFileIsNoticed) {
  const std::string path = write_temporary("grown", "0123456789");
  const auto time = std::filesystem::last_write_time(path);
  const auto source = open(path);
  ASSERT_OK(source->check_unchanged());
  std::filesystem::resize_file(path, 11);
  std::filesystem::last_write_time(path, time);
  EXPECT_EQ(source->size(), 10u);
  EXPECT_ERROR(read(*source, 10, 1), ErrorKind::kBounds, "the file ends at byte 10");
  const auto result = source->check_unchanged();
  ASSERT_TRUE(testing::is_error(result, ErrorKind::kIo, "the file changed while it was read"));
  EXPECT_EQ(result.error().source(), path);
}

// V05: the same size, another time.
TEST(FileSourceChange, ARewrittenFileIsNoticed) {
  const std::string path = write_temporary("rewritten", "0123456789");
  const auto source = open(path);
  overwrite(path, "abc");
  shift_time(path);
  EXPECT_EQ(read(*source, 0, 10).value(), "abc3456789");
  EXPECT_ERROR(source->check_unchanged(), ErrorKind::kIo, "the file changed while it was read");
}

// V05: one descriptor, so the file that was opened stays the one that is read.
TEST(FileSourceChange, AFileThatIsReplacedOrRemovedIsReadToItsEnd) {
  const std::string path = write_temporary("replaced", "old content");
  const auto source = open(path);
  std::filesystem::rename(write_temporary("replacement", "new"), path);
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(read(*source, 0, 11).value(), "old content");
  EXPECT_OK(source->check_unchanged());
  std::filesystem::remove(path);
  EXPECT_EQ(read(*source, 4, 7).value(), "content");
  EXPECT_OK(source->check_unchanged());
}

TEST(FileSourceAllocated, IsNeverMoreThanTheSize) {
  for (const std::size_t size : {1u, 100u, 4096u}) {
    const auto source = open(write_temporary("small", std::string(size, 'x')));
    EXPECT_EQ(source->allocated_bytes(), size);
  }
}

TEST(FileSourceAllocated, CountsWhatWasWritten) {
  std::string bytes;
  for (int i = 0; bytes.size() < 1 << 20; ++i) bytes += std::to_string(i * 7919);
  const auto source = open(write_temporary("written", bytes));
  EXPECT_EQ(source->allocated_bytes(), bytes.size());
}

// V07
TEST(FileSourceAllocated, DoesNotCountTheHolesOfASparseFile) {
  constexpr std::uint64_t kTerabyte = std::uint64_t{1} << 40;
  const std::string path = write_temporary("sparse", "begin");
  if (::truncate(path.c_str(), kTerabyte) != 0) GTEST_SKIP() << "no such files here";
  // Until it is on the disk, a file may seem to have no blocks.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::fsync(descriptor), 0);
  ::close(descriptor);
  const auto source = open(path);
  EXPECT_EQ(source->size(), kTerabyte);
  EXPECT_GE(source->allocated_bytes(), 5u);
  EXPECT_LE(source->allocated_bytes(), 1u << 20);
  EXPECT_EQ(read(*source, 0, 6).value(), std::string("begin\0", 6));
  EXPECT_EQ(read(*source, kTerabyte - 3, 3).value(), std::string(3, '\0'));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hardload
