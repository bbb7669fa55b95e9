// GatheredSource: what it gives is the tensor, in whatever pieces it is asked for.

#include "loader/bytes/gathered_source.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// A tensor whose bytes are all told apart by their places, and its cells behind each other.
struct Scattered {
  std::string whole, cells;
  Grid grid;
};

Scattered scatter(std::vector<Grid::Axis> axes, std::uint64_t unit) {
  Scattered made;
  made.grid.axes = std::move(axes);
  made.grid.unit = unit;
  for (std::uint64_t i = 0; i < made.grid.bytes(); ++i) {
    made.whole += static_cast<char>(i * 2654435761u >> 13);
  }
  std::size_t count = 1;
  for (const Grid::Axis& axis : made.grid.axes) count *= axis.begins.size();
  for (std::size_t cell = 0; cell < count; ++cell) {
    made.cells += "between";
    made.grid.places.push_back(made.cells.size());
    // Each element of the tensor that is in the cell, in row-major order.
    for (std::uint64_t element = 0; element * unit < made.whole.size(); ++element) {
      std::uint64_t rest = element;
      std::size_t cells = cell;
      bool is_inside = true;
      for (std::size_t axis = made.grid.axes.size(); axis-- > 0;) {
        const Grid::Axis& along = made.grid.axes[axis];
        const std::size_t at = cells % along.begins.size();
        cells /= along.begins.size();
        const std::uint64_t place = rest % along.size;
        rest /= along.size;
        is_inside = is_inside && place >= along.begins[at] &&
                    place < along.begins[at] + made.grid.extent(axis, at);
      }
      if (is_inside) made.cells += made.whole.substr(element * unit, unit);
    }
  }
  return made;
}

std::shared_ptr<const GatheredSource> gather(const Scattered& scattered) {
  auto source =
      std::make_shared<MemorySource>(testing::as_bytes(scattered.cells), std::string("cells"));
  return GatheredSource::make(std::move(source), scattered.grid).value();
}

std::string read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  EXPECT_OK(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(GatheredSource, GivesEachPartOfASmallTensor) {
  const std::vector<std::vector<Grid::Axis>> grids = {
      {{5, {0}}},
      {{5, {0, 2}}},
      {{4, {0}}, {6, {0, 3}}},
      {{4, {0, 1}}, {6, {0, 3, 4}}},
      {{2, {0, 1}}, {3, {0}}, {5, {0, 4}}},
      {{3, {0, 2}}, {2, {0, 1}}, {4, {0, 1, 2, 3}}},
  };
  for (const auto& axes : grids) {
    for (const std::uint64_t unit : {1u, 3u, 8u}) {
      const Scattered scattered = scatter(axes, unit);
      const auto source = gather(scattered);
      ASSERT_EQ(source->size(), scattered.whole.size());
      for (std::size_t begin = 0; begin <= scattered.whole.size(); ++begin) {
        for (std::size_t count = 0; begin + count <= scattered.whole.size(); ++count) {
          ASSERT_EQ(read(*source, begin, count), scattered.whole.substr(begin, count))
              << axes.size() << " axes, unit " << unit << ", from " << begin;
        }
      }
    }
  }
}

TEST(GatheredSource, GivesPartsOfALargeOne) {
  // Rows of short and of long runs, over what is read ahead.
  const Scattered scattered = scatter({{300, {0, 7}}, {50, {0, 1, 30}}}, 1000);
  const auto source = gather(scattered);
  EXPECT_EQ(read(*source, 0, scattered.whole.size()), scattered.whole);
  std::mt19937 random(1);
  for (int i = 0; i < 100; ++i) {
    const std::size_t begin = random() % scattered.whole.size();
    const std::size_t count =
        random() % std::min<std::size_t>(scattered.whole.size() - begin, 1 << 20);
    ASSERT_EQ(read(*source, begin, count), scattered.whole.substr(begin, count));
  }
}

TEST(GatheredSource, TellsWhereTheRunsAre) {
  const auto source = gather(scatter({{4, {0, 1}}, {6, {0, 2}}}, 10));
  const auto run = source->run_at(2 * 60 + 25);  // third row, third column: the cell in the corner
  EXPECT_EQ(run.cell, 3u);
  EXPECT_EQ(run.begin, 1 * 40 + 5u);
  EXPECT_EQ(run.bytes, 35u);
}

TEST(GatheredSource, HasNoBytesOfItsOwn) {
  const auto source = gather(scatter({{4, {0, 2}}}, 1));
  EXPECT_EQ(source->name(), "cells");
  EXPECT_EQ(source->allocated_bytes(), 0u);
  EXPECT_TRUE(source->view_at(0, 2).empty());
  EXPECT_TRUE(source->is_cached(0));
  EXPECT_TRUE(source->is_cached(4));
  EXPECT_OK(source->check_unchanged());
  std::string room(2, '?');
  EXPECT_ERROR(source->read_at(3, std::as_writable_bytes(std::span(room))), ErrorKind::kBounds,
               "2 bytes are needed");
}

TEST(GatheredSource, CellsAreInsideOfTheSource) {
  Scattered scattered = scatter({{4, {0, 2}}}, 1);
  auto source = std::make_shared<MemorySource>(testing::as_bytes(scattered.cells), "cells");
  scattered.grid.places[1] += 1;
  EXPECT_ERROR(GatheredSource::make(source, scattered.grid), ErrorKind::kBounds, "2 bytes");
}

}  // namespace
}  // namespace hardload
