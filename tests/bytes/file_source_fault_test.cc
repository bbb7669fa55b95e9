// FileSource where the system reads less than it is asked for, is interrupted, or fails.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "loader/bytes/file_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

// The linker has pread called by this name (--wrap).
extern "C" ssize_t __real_pread(int, void*, std::size_t, off_t);

namespace {

// What each call does, in turn: reads at most so many bytes, or fails with -errno; the last, for
// all that follow.
std::vector<int> script;
std::size_t calls = 0;

}  // namespace

extern "C" ssize_t __wrap_pread(int descriptor, void* out, std::size_t size, off_t offset) {
  const int step = script.at(std::min(calls++, script.size() - 1));
  if (step < 0) {
    errno = -step;
    return -1;
  }
  return __real_pread(descriptor, out, std::min(size, static_cast<std::size_t>(step)), offset);
}

namespace hardload {
namespace {

constexpr std::string_view kContent = "0123456789";

// All bytes of a file, read at once while the system does as `steps` say.
Result<std::string> read(std::vector<int> steps) {
  const auto source = FileSource::open(testing::write_temporary("digits", kContent)).value();
  script = std::move(steps);
  calls = 0;
  std::string content(kContent.size(), '?');
  HARDLOAD_TRY(source->read_at(0, std::as_writable_bytes(std::span(content))));
  return content;
}

// V06
TEST(FileSourceFault, ShortReadsAreContinued) {
  for (const std::vector<int>& steps : {std::vector<int>{1}, {3, 1, 100}, {9, 1}, {10}}) {
    const auto content = read(steps);
    ASSERT_OK(content);
    EXPECT_EQ(*content, kContent);
  }
  EXPECT_EQ(read({1}).ok(), true);
  EXPECT_EQ(calls, 10u);
}

// V06
TEST(FileSourceFault, InterruptionsAreOvercome) {
  const auto content = read({-EINTR, 4, -EINTR, -EINTR, 100});
  ASSERT_OK(content);
  EXPECT_EQ(*content, kContent);
  EXPECT_EQ(calls, 5u);
}

// V06: at any call, and after it no other.
TEST(FileSourceFault, OtherFaultsAreHandedOnWithTheirPlace) {
  for (const int fault : {EIO, EAGAIN, ENOMEM, ESTALE}) {
    for (int k = 0; k < 10; ++k) {
      std::vector<int> steps(static_cast<std::size_t>(k), 1);
      steps.push_back(-fault);
      const auto result = read(steps);
      EXPECT_ERROR(result, ErrorKind::kIo, "cannot be read");
      EXPECT_EQ(result.error().offset(), static_cast<std::uint64_t>(k));
      EXPECT_EQ(calls, static_cast<std::size_t>(k) + 1);
    }
  }
}

// V04
TEST(FileSourceFault, AnEndThatComesEarlyIsAnError) {
  const auto result = read({4, 0});
  EXPECT_ERROR(result, ErrorKind::kIo, "became shorter");
  EXPECT_EQ(result.error().offset(), 4u);
}

// The same past the page cache: three units and some bytes.
Result<std::string> read_direct(std::vector<int> steps) {
  constexpr std::size_t kUnit = ByteSource::kDirectUnit;
  const std::string bytes = std::string(3 * kUnit, 'a') + "0123456789";
  const auto source = FileSource::open(testing::write_temporary("units", bytes)).value();
  script = std::move(steps);
  calls = 0;
  alignas(kUnit) static std::byte out[4 * kUnit];
  std::fill(std::begin(out), std::end(out), std::byte{'?'});
  HARDLOAD_TRY(source->read_direct(0, out));
  const std::string content(testing::text_of(std::span(out).first(bytes.size())));
  EXPECT_TRUE(content == bytes);
  return content;
}

// V06
TEST(FileSourceFault, DirectReadsGoOnOrAreDoneAsUsual) {
  constexpr int kAll = 1 << 20, kUnit = ByteSource::kDirectUnit;
  for (const std::vector<int>& steps : {std::vector<int>{kAll},
                                        {kUnit, kAll},
                                        {kUnit},
                                        {1000, kAll},
                                        {kUnit + 5, kAll},
                                        {1},
                                        {-EINTR, kUnit, -EINTR, kAll},
                                        {-EINVAL, kAll},
                                        {kUnit, -EINVAL, 7, kAll}}) {
    EXPECT_OK(read_direct(steps));
  }
  EXPECT_ERROR(read_direct({-EIO}), ErrorKind::kIo, "cannot be read");
  EXPECT_ERROR(read_direct({kUnit, -EIO}), ErrorKind::kIo, "cannot be read");
}

}  // namespace
}  // namespace hardload
