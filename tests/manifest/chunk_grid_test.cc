// ChunkGrid: chunks are all of a tensor, each element once, or refused.

#include "loader/manifest/chunk_grid.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/metadata_pickle.h"

namespace hardload {
namespace {

using namespace testing::metadata;
using Box = std::pair<Dims, Dims>;  // offsets, sizes
using Indices = std::vector<std::uint32_t>;

Result<ChunkGrid> arrange(const Dims& shape, const std::vector<Box>& boxes) {
  Values chunks;
  std::vector<Dims> seen;
  Entries slices;
  for (const auto& [offsets, sizes] : boxes) {
    chunks.push_back(chunk(offsets, sizes));
    if (std::find(seen.begin(), seen.end(), offsets) != seen.end()) continue;
    seen.push_back(offsets);
    slices.emplace_back(index("w", offsets), info("f", 0, 1));
  }
  const std::string pickle = metadata({{text("w"), tensor("int8", shape, chunks)}}, slices);
  const auto parsed =
      DistributedMetadata::read(testing::source_of(pickle), {}, Unlisted::kRefuse).value();
  return ChunkGrid::arrange(parsed, parsed.entries()[0]);
}

TEST(ChunkGrid, CellsAreInRowMajorOrder) {
  const auto grid = arrange({4, 6, 2}, {{{1, 3, 0}, {3, 3, 2}},
                                        {{0, 0, 0}, {1, 3, 2}},
                                        {{0, 3, 0}, {1, 3, 2}},
                                        {{1, 0, 0}, {3, 3, 2}}});
  ASSERT_OK(grid);
  EXPECT_EQ(grid->chunks, (Indices{1, 2, 3, 0}));
  ASSERT_EQ(grid->axes.size(), 3u);
  EXPECT_EQ(grid->axes[0].begins, (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(grid->axes[1].begins, (std::vector<std::uint64_t>{0, 3}));
  EXPECT_EQ(grid->axes[1].size, 6u);
  EXPECT_EQ(grid->cut_axes(), 2u);
  EXPECT_FALSE(grid->is_in_rows());
}

TEST(ChunkGrid, RowsFollowEachOther) {
  EXPECT_TRUE(arrange({4, 6}, {{{0, 0}, {1, 6}}, {{1, 0}, {3, 6}}})->is_in_rows());
  EXPECT_TRUE(arrange({1, 6}, {{{0, 0}, {1, 2}}, {{0, 2}, {1, 4}}})->is_in_rows());
  EXPECT_FALSE(arrange({2, 6}, {{{0, 0}, {2, 2}}, {{0, 2}, {2, 4}}})->is_in_rows());
  // Each row is cut off from the others, too.
  EXPECT_TRUE(
      arrange({2, 2}, {{{0, 0}, {1, 1}}, {{0, 1}, {1, 1}}, {{1, 0}, {1, 1}}, {{1, 1}, {1, 1}}})
          ->is_in_rows());
}

TEST(ChunkGrid, OneChunkIsUncut) {
  for (const Dims& shape : {Dims{}, Dims{3}, Dims{3, 1, 2}}) {
    const auto grid = arrange(shape, {{Dims(shape.size(), 0), shape}});
    ASSERT_OK(grid);
    EXPECT_EQ(grid->chunks, Indices{0});
    EXPECT_EQ(grid->cut_axes(), 0u);
  }
}

TEST(ChunkGrid, ChunksWithoutElementsDoNotCount) {
  const auto grid = arrange({3}, {{{3}, {0}}, {{0}, {3}}, {{3}, {0}}});
  ASSERT_OK(grid);
  EXPECT_EQ(grid->chunks, Indices{1});
  const auto empty = arrange({0, 7}, {{{0, 0}, {0, 7}}});
  ASSERT_OK(empty);
  EXPECT_TRUE(empty->chunks.empty());
  EXPECT_OK(arrange({0, 7}, {}));
}

TEST(ChunkGrid, ChunksStayInside) {
  EXPECT_ERROR(arrange({4}, {{{1}, {4}}}), ErrorKind::kLayout, "leaves the tensor");
  EXPECT_ERROR(arrange({4}, {{{0}, {4}}, {{5}, {0}}}), ErrorKind::kLayout, "leaves the tensor");
  EXPECT_ERROR(arrange({4}, {{{INT64_MAX}, {INT64_MAX}}}), ErrorKind::kLayout, "leaves the tensor");
}

TEST(ChunkGrid, NothingIsMissingOrThereTwice) {
  EXPECT_ERROR(arrange({4}, {}), ErrorKind::kLayout, "have 0 elements together");
  EXPECT_ERROR(arrange({4}, {{{0}, {3}}}), ErrorKind::kLayout, "have 3 elements together");
  EXPECT_ERROR(arrange({4}, {{{0}, {3}}, {{1}, {3}}}), ErrorKind::kLayout, "have 6 elements");
  EXPECT_ERROR(arrange({0}, {{{0}, {1}}}), ErrorKind::kLayout, "leaves the tensor");
  EXPECT_ERROR(arrange({}, {{{}, {}}, {{}, {}}}), ErrorKind::kLayout, "have 2 elements");
  EXPECT_ERROR(arrange({INT64_MAX, 2}, {}), ErrorKind::kLayout, "overflows");
}

TEST(ChunkGrid, OthersThanGridsAreUnsupported) {
  const auto refused = [](const Dims& shape, const std::vector<Box>& boxes) {
    EXPECT_ERROR(arrange(shape, boxes), ErrorKind::kUnsupported, "overlap, or are no grid");
  };
  // As many elements as the tensor, but one is there twice and one is not.
  refused({4}, {{{0}, {2}}, {{1}, {2}}});
  refused({4}, {{{1}, {3}}, {{3}, {1}}});
  refused({4, 1}, {{{0, 0}, {2, 1}}, {{0, 0}, {2, 1}}});
  refused({2, 2}, {{{0, 0}, {1, 2}}, {{0, 1}, {2, 1}}});
  refused({2, 2}, {{{0, 0}, {1, 1}}, {{0, 0}, {1, 1}}, {{1, 0}, {1, 1}}, {{1, 1}, {1, 1}}});
  // All of it, but cut otherwise in each row.
  refused({2, 3}, {{{0, 0}, {1, 1}}, {{0, 1}, {1, 2}}, {{1, 0}, {1, 2}}, {{1, 2}, {1, 1}}});
  refused({2, 2}, {{{0, 0}, {1, 2}}, {{1, 0}, {1, 1}}, {{1, 1}, {1, 1}}});
}

}  // namespace
}  // namespace hardload
