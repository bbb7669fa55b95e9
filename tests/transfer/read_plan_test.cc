// ReadPlan: every byte of every range is in one part, parts that lie close are read together.

#include "loader/transfer/read_plan.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "loader/transfer/staging_ring.h"

namespace hardload {
namespace {

std::byte* address(std::uint64_t number) { return reinterpret_cast<std::byte*>(number); }

constexpr std::uint64_t kPiece = 4 << 20;

// That the plan covers each range once and pieces hold their parts.
void check(const std::vector<FileRange>& ranges) {
  const ReadPlan plan(ranges);
  std::vector<std::uint64_t> covered(ranges.size());
  std::size_t next = 0;
  for (const ReadPlan::Piece& piece : plan.pieces()) {
    ASSERT_EQ(piece.first_part, next);
    ASSERT_GE(piece.parts, 1u);
    std::uint64_t end = piece.offset;
    for (std::uint32_t i = 0; i < piece.parts; ++i) {
      const ReadPlan::Part& part = plan.parts()[next++];
      const FileRange& range = ranges[part.range];
      ASSERT_EQ(part.begin, covered[part.range]) << "in order";
      ASSERT_GT(part.bytes, 0u);
      covered[part.range] += part.bytes;
      ASSERT_GE(range.offset + part.begin, end) << "parts of a piece do not overlap";
      end = range.offset + part.begin + part.bytes;
    }
    ASSERT_EQ(end, piece.offset + piece.bytes);
    ASSERT_LE(piece.bytes, kPiece);
  }
  ASSERT_EQ(next, plan.parts().size());
  for (std::size_t i = 0; i < ranges.size(); ++i) ASSERT_EQ(covered[i], ranges[i].bytes);
}

TEST(ReadPlan, CutsWhereMemoryDoes) {
  const std::vector<FileRange> ranges = {{100, 10 << 20, address(kPiece * 5 - 4096)}};
  check(ranges);
  const ReadPlan plan(ranges);
  ASSERT_EQ(plan.parts().size(), 4u);
  EXPECT_EQ(plan.parts()[0].bytes, 4096u);
  EXPECT_EQ(plan.parts()[1].bytes, kPiece);
}

TEST(ReadPlan, ReadsSmallNeighboursTogether) {
  std::vector<FileRange> ranges;
  for (std::uint64_t i = 0; i < 1000; ++i) ranges.push_back({i * 192, 16, address(64 * i)});
  std::reverse(ranges.begin(), ranges.end());
  check(ranges);
  EXPECT_EQ(ReadPlan(ranges).pieces().size(), 1u);
}

TEST(ReadPlan, LeavesApartWhatIsFarOrLargeOrOverlaps) {
  const auto pieces = [](const std::vector<FileRange>& ranges) {
    check(ranges);
    return ReadPlan(ranges).pieces().size();
  };
  EXPECT_EQ(pieces({{0, 16, nullptr}, {4096 + 16, 16, nullptr}}), 1u);
  EXPECT_EQ(pieces({{0, 16, nullptr}, {4097 + 16, 16, nullptr}}), 2u);
  EXPECT_EQ(pieces({{0, 16, nullptr}, {16, 65 << 10, nullptr}, {66 << 10, 16, nullptr}}), 3u);
  EXPECT_EQ(pieces({{0, 16, nullptr}, {8, 16, nullptr}}), 2u);
  EXPECT_EQ(pieces({{0, 0, nullptr}, {0, 16, nullptr}}), 1u);
  EXPECT_EQ(pieces({}), 0u);
}

// One copy brings what is of one device and follows each other there, and fills a slot at most.
TEST(ReadPlan, ToADeviceReadsTogetherWhatOneCopyBrings) {
  int memory[2];
  const auto ring = [&](int number) { return reinterpret_cast<StagingRing*>(&memory[number]); };
  const auto range = [&](std::uint64_t offset, std::uint64_t bytes, std::uint64_t to, int number) {
    FileRange made = {offset, bytes, address(to)};
    if (number >= 0) made.ring = ring(number);
    return made;
  };
  const auto pieces = [](const std::vector<FileRange>& ranges) {
    check(ranges);
    return ReadPlan(ranges).pieces().size();
  };
  const std::uint64_t a = 1 << 20;
  EXPECT_EQ(pieces({range(0, 16, a, 0), range(64, 16, a + 512, 0)}), 1u);
  EXPECT_EQ(pieces({range(0, 512, a, 0), range(600, 16, a + 512, 0)}), 1u);
  EXPECT_EQ(pieces({range(0, 513, a, 0), range(600, 16, a + 1024, 0)}), 1u);
  EXPECT_EQ(pieces({range(0, 513, a, 0), range(600, 16, a + 512, 0)}), 2u);
  EXPECT_EQ(pieces({range(0, 16, a, 0), range(64, 16, a + 1024, 0)}), 2u) << "another's";
  EXPECT_EQ(pieces({range(0, 16, a, 0), range(64, 16, a - 512, 0)}), 2u);
  EXPECT_EQ(pieces({range(0, 16, a, 0), range(64, 16, a + 512, 1)}), 2u) << "two devices";
  EXPECT_EQ(pieces({range(0, 16, a, 0), range(64, 16, a + 512, -1)}), 2u) << "the host";
  EXPECT_EQ(pieces({range(0, 16, a, -1), range(64, 16, a + 512, 0)}), 2u) << "the host";
  EXPECT_EQ(pieces({range(5, 2 * StagingRing::kSlot + 1, a + 7, 0)}), 3u);
  std::vector<FileRange> tiny;
  for (std::uint64_t i = 0; i < 6000; ++i) tiny.push_back(range(32 * i, 1, a + 512 * i, 0));
  EXPECT_EQ(pieces(tiny), 2u) << "4096 units fill a slot";
}

TEST(ReadPlan, CoversWhateverIsAskedFor) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<FileRange> ranges;
    for (std::uint64_t i = random() % 40; i > 0; --i) {
      const std::uint64_t shift = random() % 24;
      ranges.push_back({random() % (1 << 22), random() % (std::uint64_t{1} << shift),
                        random() % 4 == 0 ? nullptr : address(random())});
    }
    check(ranges);
  }
}

}  // namespace
}  // namespace hardload
