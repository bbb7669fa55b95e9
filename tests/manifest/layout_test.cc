// check_layout: accepts a view exactly if each of its elements lies inside the storage.

#include "loader/manifest/layout.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

using Dims = std::vector<std::int64_t>;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t k2To32 = std::int64_t{1} << 32;
constexpr std::int64_t k2To62 = std::int64_t{1} << 62;

struct View {
  Dims sizes, strides;
  std::int64_t offset = 0;
  std::uint64_t item_bytes = 1, storage_bytes = 0;
};

Result<std::int64_t> check(const View& view) {
  return check_layout(view.sizes, view.strides, view.offset, view.item_bytes, view.storage_bytes);
}

void expect_refused(const View& view, std::string_view part) {
  const auto count = check(view);
  EXPECT_ERROR(count, ErrorKind::kLayout, part);
  if (!count.ok()) {
    EXPECT_EQ(count.error().stage(), Stage::kManifest);
  }
}

void expect_count(const View& view, std::int64_t expected) {
  const auto count = check(view);
  ASSERT_OK(count);
  EXPECT_EQ(*count, expected);
}

TEST(Layout, CountsTheElementsOfAView) {
  expect_count({{2, 3}, {3, 1}, 0, 4, 24}, 6);
  expect_count({{3, 2}, {1, 3}, 0, 4, 24}, 6);  // T13: transposed
  expect_count({{2, 2}, {3, 1}, 1, 4, 24}, 4);  // narrowed
  expect_count({{3, 2}, {1, 1}, 0, 4, 16}, 6);  // T13: overlapping
  expect_count({{5, 7}, {0, 0}, 0, 8, 8}, 35);  // expanded
  expect_count({{6}, {1}, 0, 16, 96}, 6);
  expect_count({{1}, {1}, 5, 4, 24}, 1);
}

// T14
TEST(Layout, ScalarsAreOneElement) {
  expect_count({{}, {}, 0, 4, 4}, 1);
  expect_count({{}, {}, 5, 4, 24}, 1);
  expect_refused({{}, {}, 6, 4, 24}, "reaches up to element 6, but the storage holds 6");
  expect_refused({{}, {}, 0, 4, 0}, "reaches up to element 0, but the storage holds 0");
  expect_refused({{}, {}, 0, 4, 3}, "but the storage holds 0");
}

// T14
TEST(Layout, EmptyViewsNeedNoBytes) {
  expect_count({{0}, {1}, 0, 4, 0}, 0);
  expect_count({{2, 0, 3}, {3, 3, 1}, 0, 4, 0}, 0);
  expect_count({{0}, {1}, 1000, 4, 24}, 0);
  expect_count({{0, 3}, {k2To62, k2To62}, 3, 4, 16}, 0);
  expect_count({{0, 5}, {kMost, kMost}, kMost, 4, 0}, 0);
  // However many elements there would be else: torch.empty(0, 2**61) is a tensor.
  expect_count({{0, kMost, kMost}, {kMost, kMost, 1}, 0, 4, 0}, 0);
}

// T08
TEST(Layout, TheLastElementMayBeTheLastOfTheStorage) {
  expect_count({{6}, {1}, 0, 4, 24}, 6);
  expect_refused({{7}, {1}, 0, 4, 24}, "reaches up to element 6, but the storage holds 6");
  expect_refused({{6}, {1}, 1, 4, 24}, "reaches up to element 6, but the storage holds 6");
  expect_count({{3}, {2}, 1, 4, 24}, 3);
  expect_refused({{3}, {2}, 2, 4, 24}, "reaches up to element 6, but the storage holds 6");
  expect_refused({{1}, {1}, 6, 4, 24}, "reaches up to element 6");
  expect_refused({{1}, {1}, kMost, 4, 24}, "reaches up to element 9223372036854775807");
}

TEST(Layout, APartOfAnElementIsNone) {
  expect_count({{2}, {1}, 0, 8, 23}, 2);
  expect_refused({{3}, {1}, 0, 8, 23}, "but the storage holds 2");
}

// T08, T09, T11
TEST(Layout, RefusesNegativeNumbers) {
  expect_refused({{-1}, {1}, 0, 4, 24}, "size 0 is -1");
  expect_refused({{2, -3}, {1, 1}, 0, 4, 24}, "size 1 is -3");
  expect_refused({{0, kLeast}, {1, 1}, 0, 4, 24}, "size 1 is -9223372036854775808");
  expect_refused({{2}, {-1}, 1, 4, 24}, "stride 0 is -1");
  expect_refused({{2, 1}, {1, kLeast}, 0, 4, 24}, "stride 1 is -9223372036854775808");
  expect_refused({{1}, {1}, -1, 4, 24}, "the storage offset is -1");
  expect_refused({{0}, {1}, -1, 4, 24}, "the storage offset is -1");
  expect_refused({{}, {}, kLeast, 4, 24}, "the storage offset is -9223372036854775808");
}

// T11
TEST(Layout, RefusesSizesAndStridesOfDifferentNumber) {
  expect_refused({{2}, {}, 0, 4, 24}, "there are 1 sizes, but 0 strides");
  expect_refused({{}, {1}, 0, 4, 24}, "there are 0 sizes, but 1 strides");
  expect_refused({{2, 2}, {1, 2, 3}, 0, 4, 24}, "there are 2 sizes, but 3 strides");
}

// T09
TEST(Layout, RefusesMoreElementsThan63Bits) {
  const std::string_view overflow = "the number of elements overflows";
  expect_refused({{k2To32, k2To32}, {0, 0}, 0, 1, 24}, overflow);
  expect_refused({{k2To62, 4}, {0, 0}, 0, 1, 24}, overflow);
  expect_refused({{kMost, 2}, {0, 0}, 0, 1, 24}, overflow);
  expect_refused({Dims(64, 2), Dims(64, 0), 0, 1, 24}, overflow);
  expect_count({Dims(62, 2), Dims(62, 0), 0, 1, 24}, k2To62);
  expect_count({{kMost}, {0}, 0, 1, 24}, kMost);
}

// T08, T11
TEST(Layout, RefusesExtentsOver63Bits) {
  const std::string_view overflow = "sizes and strides overflow";
  expect_refused({{3}, {k2To62}, 0, 4, 24}, overflow);
  expect_refused({{2, 2}, {k2To62, k2To62}, 0, 4, 24}, overflow);
  expect_refused({{2}, {kMost}, 1, 4, 24}, overflow);
  expect_refused({{2}, {1}, kMost, 4, 24}, overflow);
  expect_refused({{k2To32, 1}, {k2To32, 1}, 0, 1, 24}, overflow);
  // In range by wrapping around: 2 * 2^63 = 0.
  expect_refused({{3, 3}, {k2To62, k2To62}, 0, 1, 24}, overflow);
  expect_refused({{2}, {kMost}, 0, 4, 24}, "reaches up to element 9223372036854775807");
  expect_refused({{2}, {k2To62}, 0, 8, 24}, "reaches up to element 4611686018427387904");
}

TEST(Layout, StridesOfDimensionsOfOneAreNoMatter) {
  expect_count({{1, 3, 1}, {kMost, 2, k2To62}, 1, 4, 24}, 3);
  expect_count({{1}, {kMost}, 0, 4, 4}, 1);
}

// T12
TEST(Layout, ZeroStridesMayMakeManyElementsOfFew) {
  expect_count({{1 << 21, 1 << 21}, {0, 0}, 0, 4, 128}, std::int64_t{1} << 42);
  expect_count({{1 << 21, 32}, {0, 1}, 0, 4, 128}, std::int64_t{1} << 26);
  expect_refused({{1 << 21, 33}, {0, 1}, 0, 4, 128}, "reaches up to element 32");
}

// All views of small numbers, compared with looking at each element.
TEST(Layout, AgreesWithLookingAtEachElement) {
  const Dims sizes = {0, 1, 2, 3}, strides = {0, 1, 2, 5}, offsets = {0, 1, 4};
  int accepted = 0, refused = 0;
  for (const auto a : sizes)
    for (const auto b : sizes) {
      for (const auto s : strides)
        for (const auto t : strides) {
          for (const auto offset : offsets) {
            std::int64_t needed = 0;  // elements
            for (std::int64_t i = 0; i < a; ++i) {
              for (std::int64_t j = 0; j < b; ++j) {
                needed = std::max(needed, offset + i * s + j * t + 1);
              }
            }
            for (std::int64_t bytes = 0; bytes <= 64; ++bytes) {
              const View view = {{a, b}, {s, t}, offset, 3, static_cast<std::uint64_t>(bytes)};
              const auto count = check(view);
              ASSERT_EQ(count.ok(), needed * 3 <= bytes)
                  << a << "," << b << " " << s << "," << t << " " << offset << " " << bytes;
              if (count.ok()) {
                EXPECT_EQ(*count, a * b);
              }
              ++(count.ok() ? accepted : refused);
            }
          }
        }
    }
  EXPECT_GT(accepted, 10'000);
  EXPECT_GT(refused, 5'000);
}

// Elements below a byte: rows begin with a byte of their own.
TEST(Layout, PackedRowsAreWholeBytes) {
  const auto packed = [](const Dims& sizes, std::uint64_t per_byte) {
    return packed_bytes(sizes, per_byte);
  };
  EXPECT_EQ(packed({}, 2), 1u);
  EXPECT_EQ(packed({0}, 2), 0u);
  EXPECT_EQ(packed({1}, 2), 1u);
  EXPECT_EQ(packed({2}, 2), 1u);
  EXPECT_EQ(packed({3}, 2), 2u);
  EXPECT_EQ(packed({4}, 4), 1u);
  EXPECT_EQ(packed({5}, 4), 2u);
  EXPECT_EQ(packed({3, 2, 4}, 4), 6u);
  EXPECT_EQ(packed({3, 2, 5}, 4), 12u);
  EXPECT_EQ(packed({3, 0}, 2), 0u);
  EXPECT_EQ(packed({0, 3}, 2), 0u);
}

}  // namespace
}  // namespace hardload
