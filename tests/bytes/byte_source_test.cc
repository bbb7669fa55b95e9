// ByteSource::check_range accepts exactly the ranges inside of the source, without wrapping.

#include "loader/bytes/byte_source.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// Has a size alone.
class SizedSource : public ByteSource {
 public:
  explicit SizedSource(std::uint64_t size) : size_(size) {}
  std::string_view name() const override { return "sized"; }
  std::uint64_t size() const override { return size_; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return check_range(offset, out.size());
  }

 private:
  std::uint64_t size_;
};

TEST(CheckRange, AcceptsExactlyWhatIsInside) {
  constexpr std::uint64_t kSize = 10;
  const SizedSource source(kSize);
  for (std::uint64_t offset = 0; offset < 2 * kSize; ++offset) {
    for (std::uint64_t count = 0; count < 2 * kSize; ++count) {
      const Result<void> result = source.check_range(offset, count);
      ASSERT_EQ(result.ok(), offset + count <= kSize) << offset << " " << count;
    }
  }
}

TEST(CheckRange, SaysWhereAndWhatIsMissing) {
  const Result<void> result = SizedSource(10).check_range(8, 3);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kBounds);
  EXPECT_EQ(result.error().stage(), Stage::kBytes);
  EXPECT_EQ(result.error().problem(), "3 bytes are needed here, but the file ends at byte 10");
  EXPECT_EQ(result.error().source(), "sized");
  EXPECT_EQ(result.error().offset(), 8u);
}

// Z07, Q07: offset and size whose sum wraps around.
TEST(CheckRange, DoesNotWrap) {
  const SizedSource source(100);
  struct Range {
    std::uint64_t offset, count;
  };
  for (const Range range : {Range{kMax, 1}, Range{kMax, kMax}, Range{1, kMax}, Range{50, kMax - 49},
                            Range{kMax - 49, 60}, Range{101, kMax - 100}}) {
    EXPECT_ERROR(source.check_range(range.offset, range.count), ErrorKind::kBounds,
                 "the file ends at byte 100")
        << range.offset << " " << range.count;
  }
  EXPECT_OK(SizedSource(kMax).check_range(kMax - 1, 1));
  EXPECT_OK(SizedSource(kMax).check_range(0, kMax));
}

TEST(ByteSource, ByDefaultOccupiesItsSizeLendsNothingAndNeverChanges) {
  const SizedSource source(10);
  EXPECT_EQ(source.allocated_bytes(), 10u);
  EXPECT_TRUE(source.view().empty());
  EXPECT_TRUE(source.view_at(3, 4).empty());
  EXPECT_OK(source.check_unchanged());
}

// Lends its bytes.
class TextSource final : public SizedSource {
 public:
  explicit TextSource(std::string_view text) : SizedSource(text.size()), text_(text) {}
  std::span<const std::byte> view() const override { return testing::as_bytes(text_); }

 private:
  std::string_view text_;
};

TEST(ByteSource, ByDefaultLendsPartsOfWhatItLends) {
  const TextSource source("0123456789");
  EXPECT_EQ(testing::text_of(source.view_at(3, 4)), "3456");
  EXPECT_EQ(testing::text_of(source.view_at(0, 10)), "0123456789");
  EXPECT_EQ(testing::text_of(source.view_at(10, 0)), "");
}

}  // namespace
}  // namespace hardload
