// ReadWindow gives the source's bytes wherever it is asked, and reads ahead only where that helps.

#include "loader/bytes/read_window.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

// Bytes in memory, and the sizes of the reads.
class CountingSource : public ByteSource {
 public:
  explicit CountingSource(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view name() const override { return "counting"; }
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    reads.push_back(out.size());
    HARDLOAD_TRY(check_range(offset, out.size()));
    std::copy_n(testing::as_bytes(bytes_).begin() + static_cast<std::ptrdiff_t>(offset), out.size(),
                out.begin());
    return {};
  }
  std::size_t bytes_read() const {
    std::size_t sum = 0;
    for (const std::size_t size : reads) sum += size;
    return sum;
  }

  mutable std::vector<std::size_t> reads;

 private:
  std::string bytes_;
};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + i / 251);
  return bytes;
}

void expect_bytes(ReadWindow& window, const std::string& bytes, std::size_t offset,
                  std::size_t count) {
  const auto result = window.at(offset, count);
  ASSERT_OK(result);
  ASSERT_EQ(testing::text_of(*result), bytes.substr(offset, count)) << offset << " " << count;
}

TEST(ReadWindow, GivesTheBytesOfRandomRanges) {
  const std::string bytes = pattern(300'000);
  const CountingSource source(bytes);
  ReadWindow window(source);
  std::mt19937 random(1);
  std::size_t offset = 0;
  for (int i = 0; i < 5000; ++i) {
    // Near the last one, before it, or anywhere.
    const std::size_t choice = random() % 4;
    if (choice < 2) offset = std::min(bytes.size(), offset + random() % 600);
    if (choice == 2) offset -= std::min<std::size_t>(offset, random() % 2000);
    if (choice == 3) offset = random() % (bytes.size() + 1);
    const std::size_t most = choice == 0 ? 70'000 : 200;
    expect_bytes(window, bytes, offset, std::min(bytes.size() - offset, random() % most));
  }
}

TEST(ReadWindow, GivesEveryRangeOfASmallSource) {
  const std::string bytes = pattern(40);
  const CountingSource source(bytes);
  for (std::size_t offset = 0; offset <= bytes.size(); ++offset) {
    for (std::size_t count = 0; offset + count <= bytes.size(); ++count) {
      ReadWindow fresh(source);
      expect_bytes(fresh, bytes, offset, count);
      expect_bytes(fresh, bytes, 0, bytes.size());
      expect_bytes(fresh, bytes, offset, count);
    }
  }
}

TEST(ReadWindow, ReadsAheadWhereReadsAreClose) {
  const std::string bytes = pattern(10'000'000);
  const CountingSource source(bytes);
  ReadWindow window(source);
  for (std::size_t offset = 0; offset + 46 <= bytes.size(); offset += 100) {
    expect_bytes(window, bytes, offset, 46);
  }
  EXPECT_LE(source.reads.size(), 200u);
  EXPECT_LE(source.bytes_read(), 2 * bytes.size());
}

TEST(ReadWindow, DoesNotReadAheadWhereReadsAreFarApart) {
  const std::string bytes = pattern(10'000'000);
  const CountingSource source(bytes);
  ReadWindow window(source);
  for (std::size_t offset = 0; offset < bytes.size(); offset += 200'000) {
    expect_bytes(window, bytes, offset, 46);
  }
  EXPECT_EQ(source.reads.size(), 50u);
  EXPECT_LE(*std::max_element(source.reads.begin(), source.reads.end()), 4096u);
}

TEST(ReadWindow, ReadsAgainBehindTheWindow) {
  const std::string bytes = pattern(1000);
  const CountingSource source(bytes);
  ReadWindow window(source);
  expect_bytes(window, bytes, 900, 100);
  expect_bytes(window, bytes, 899, 100);
  expect_bytes(window, bytes, 0, 1000);
}

// The range is refused before memory is taken for it, and before anything is read.
TEST(ReadWindow, RefusesRangesOutsideOfTheSource) {
  const CountingSource source(pattern(1000));
  ReadWindow window(source);
  struct Range {
    std::uint64_t offset;
    std::size_t count;
  };
  for (const Range range :
       {Range{0, 1001}, Range{1000, 1}, Range{1001, 0}, Range{0, ~std::size_t{0}},
        Range{~std::uint64_t{0}, 1}, Range{999, ~std::size_t{0}},
        Range{~std::uint64_t{0}, ~std::size_t{0}}}) {
    const auto result = window.at(range.offset, range.count);
    ASSERT_TRUE(testing::is_error(result, ErrorKind::kBounds, "the file ends at byte 1000"));
    EXPECT_EQ(result.error().offset(), range.offset);
  }
  EXPECT_TRUE(source.reads.empty());
  EXPECT_OK(window.at(999, 1));
  EXPECT_ERROR(window.at(999, ~std::size_t{0}), ErrorKind::kBounds, "the file ends at byte 1000");
}

// What was checked once must not change because the source does.
TEST(ReadWindow, GivesACopy) {
  std::string bytes = "0123456789";
  const MemorySource source = testing::source_of(bytes);
  ReadWindow window(source);
  const auto result = window.at(2, 4);
  ASSERT_OK(result);
  bytes[3] = 'x';
  EXPECT_EQ(testing::text_of(*result), "2345");
}

class FailingSource : public CountingSource {
 public:
  using CountingSource::CountingSource;
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (reads.size() + 1 != failing_read) return CountingSource::read_at(offset, out);
    reads.push_back(out.size());
    return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone").at(offset);
  }

  std::size_t failing_read = 0;  // counted from 1
};

TEST(ReadWindow, HandsOnWhatReadingSays) {
  FailingSource source(pattern(1'000'000));
  source.failing_read = 2;
  ReadWindow window(source);
  ASSERT_OK(window.at(0, 10));
  const auto result = window.at(500'000, 10);
  ASSERT_TRUE(testing::is_error(result, ErrorKind::kIo, "the disk is gone"));
  EXPECT_EQ(result.error().offset(), 500'000u);
}

// Fails once, at its second read.
class OnceFailingSource : public ByteSource {
 public:
  std::string_view name() const override { return "failing"; }
  std::uint64_t size() const override { return 1 << 20; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (++reads_ == 2) return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone").at(offset);
    std::ranges::fill(out, std::byte{'x'});
    return {};
  }

 private:
  mutable int reads_ = 0;
};

TEST(ReadWindow, IsEmptyAfterAFailure) {
  const OnceFailingSource source;
  ReadWindow window(source);
  ASSERT_OK(window.at(0, 4));
  EXPECT_ERROR(window.at(1000, 600), ErrorKind::kIo, "the disk is gone");
  const auto again = window.at(1000, 600);
  ASSERT_OK(again);
  EXPECT_TRUE(testing::text_of(*again) == std::string(600, 'x'));
}

}  // namespace
}  // namespace hardload
