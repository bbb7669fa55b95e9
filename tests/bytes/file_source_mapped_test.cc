// MappedSource lends the file's bytes, privately, and reads them as FileSource does.

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "loader/bytes/file_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::read_file;
using testing::text_of;
using testing::write_temporary;

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(MappedSource, LendsTheWholeFile) {
  for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 1'000'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 4096);
    const std::string path = write_temporary("mapped", bytes);
    const auto source = MappedSource::open(path);
    ASSERT_OK(source);
    EXPECT_EQ((*source)->name(), path);
    EXPECT_EQ((*source)->size(), size);
    EXPECT_EQ(text_of((*source)->view()), bytes);
    EXPECT_EQ(read(**source, 0, size).value(), bytes);
    EXPECT_ERROR(read(**source, size, 1), ErrorKind::kBounds, "the file ends at byte");
    EXPECT_OK((*source)->check_unchanged());
  }
}

TEST(MappedSource, LendsNothingOfAnEmptyFile) {
  const auto source = MappedSource::open(write_temporary("empty", ""));
  ASSERT_OK(source);
  EXPECT_EQ((*source)->size(), 0u);
  EXPECT_TRUE((*source)->view().empty());
}

// Tensors of a mapped checkpoint may be written to.
TEST(MappedSource, WritesStayPrivate) {
  const std::string path = write_temporary("private", "0123456789");
  const auto source = MappedSource::open(path);
  ASSERT_OK(source);
  auto* const bytes = const_cast<std::byte*>((*source)->view().data());
  bytes[3] = std::byte{'x'};
  EXPECT_EQ(text_of((*source)->view()), "012x456789");
  EXPECT_EQ(read_file(path), "0123456789");
  EXPECT_EQ(read(**source, 0, 10).value(), "0123456789");
  EXPECT_EQ(text_of(MappedSource::open(path).value()->view()), "0123456789");
}

// V04
TEST(MappedSource, ReadsOfACutFileFailWithoutASignal) {
  const std::string path = write_temporary("cut", std::string(1'000'000, 'x'));
  const auto source = MappedSource::open(path);
  ASSERT_OK(source);
  std::filesystem::resize_file(path, 0);
  const auto result = read(**source, 500'000, 10);
  ASSERT_TRUE(
      testing::is_error(result, ErrorKind::kIo, "the file became shorter while it was read"));
  EXPECT_EQ(result.error().offset(), 500'000u);
  EXPECT_ERROR((*source)->check_unchanged(), ErrorKind::kIo, "changed");
}

TEST(MappedSource, GivesTheMappingBack) {
  const void* start = nullptr;
  {
    const auto source = MappedSource::open(write_temporary("unmapped", "x"));
    ASSERT_OK(source);
    start = (*source)->view().data();
    unsigned char resident = 0;
    EXPECT_EQ(::mincore(const_cast<void*>(start), 1, &resident), 0);
  }
  unsigned char resident = 0;
  EXPECT_EQ(::mincore(const_cast<void*>(start), 1, &resident), -1);
  EXPECT_EQ(errno, ENOMEM);
}

// V01, V02
TEST(MappedSource, RefusesWhatFileSourceRefuses) {
  const std::string file = write_temporary("file", "x");
  const std::string pipe = file + ".pipe";
  std::filesystem::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_ERROR(MappedSource::open(file + ".missing"), ErrorKind::kIo,
               "file.missing: Io error: cannot be opened: No such file");
  EXPECT_ERROR(MappedSource::open(file + std::string("\0x", 2)), ErrorKind::kIo, "NUL byte");
  EXPECT_ERROR(MappedSource::open(std::filesystem::path(file).parent_path()),
               ErrorKind::kNotRegular, "this is a folder");
  EXPECT_ERROR(MappedSource::open(pipe), ErrorKind::kNotRegular, "this is a pipe");
  EXPECT_OK(MappedSource::open(file));
}

// V07
TEST(MappedSource, SaysThatAFileCannotBeMapped) {
  const std::string path = write_temporary("large", "x");
  std::filesystem::resize_file(path, std::uint64_t{2} << 30);
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &limit), 0);
  const rlimit low = {std::uint64_t{1} << 30, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &low), 0);
  const auto source = MappedSource::open(path);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  EXPECT_ERROR(source, ErrorKind::kIo, "large: Io error: cannot be mapped: Cannot allocate memory");
  EXPECT_OK(MappedSource::open(path));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hardload
