#include "loader/manifest/chunk_grid.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

constexpr std::uint32_t kFree = ~std::uint32_t{0};

Error wrong(std::string problem, ErrorKind kind = ErrorKind::kLayout) {
  return Error(kind, Stage::kManifest, std::move(problem));
}

Error no_grid() {
  return wrong("its chunks overlap, or are no grid", ErrorKind::kUnsupported)
      .advise("Save it with torch's own planner, or load it with torch and save it again.");
}

std::uint64_t unsigned_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// The end of cell `cell` along `axis`.
std::uint64_t end_of(const Grid::Axis& axis, std::size_t cell) {
  return cell + 1 == axis.begins.size() ? axis.size : axis.begins[cell + 1];
}

}  // namespace

Result<ChunkGrid> ChunkGrid::arrange(const DistributedMetadata& metadata,
                                     const DistributedMetadata::Entry& entry) {
  ChunkGrid grid;
  const auto shape = metadata.sizes(entry);
  const auto chunks = metadata.chunks(entry);
  HARDLOAD_ASSIGN(const std::int64_t elements, count_elements(shape));
  std::int64_t covered = 0;
  std::vector<std::uint32_t> filled;  // the chunks that have elements
  for (std::uint32_t i = 0; i < chunks.size(); ++i) {
    const auto offsets = metadata.offsets(entry, chunks[i]);
    const auto sizes = metadata.sizes(entry, chunks[i]);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto end = checked_add(offsets[axis], sizes[axis]);
      if (!end || *end > shape[axis]) {
        return wrong(concat("chunk ", i, " leaves the tensor along dimension ", axis));
      }
    }
    HARDLOAD_ASSIGN(const std::int64_t count, count_elements(sizes));
    if (count == 0) continue;
    const auto sum = checked_add(covered, count);
    if (!sum) return wrong("the chunks have more elements than the tensor");
    covered = *sum;
    filled.push_back(i);
  }
  if (covered != elements) {
    return wrong(concat("the chunks have ", covered, " elements together, the tensor has ",
                        elements, ": some are missing, or are in several chunks"));
  }
  if (elements == 0) return grid;

  std::size_t cells = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<std::uint64_t> begins;
    begins.reserve(filled.size());
    for (const std::uint32_t i : filled) {
      begins.push_back(unsigned_of(metadata.offsets(entry, chunks[i])[axis]));
    }
    std::sort(begins.begin(), begins.end());
    begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
    if (begins.front() != 0) return no_grid();
    cells = checked_mul(cells, begins.size()).value_or(filled.size() + 1);
    if (cells > filled.size()) return no_grid();
    grid.axes.push_back({unsigned_of(shape[axis]), std::move(begins)});
  }
  if (cells != filled.size()) return no_grid();
  grid.chunks.assign(cells, kFree);
  for (const std::uint32_t i : filled) {
    std::size_t cell = 0;
    for (std::size_t axis = 0; axis < grid.axes.size(); ++axis) {
      const auto& begins = grid.axes[axis].begins;
      const std::uint64_t begin = unsigned_of(metadata.offsets(entry, chunks[i])[axis]);
      const std::uint64_t size = unsigned_of(metadata.sizes(entry, chunks[i])[axis]);
      const auto along = static_cast<std::size_t>(
          std::lower_bound(begins.begin(), begins.end(), begin) - begins.begin());
      if (begin + size != end_of(grid.axes[axis], along)) return no_grid();
      cell = cell * begins.size() + along;
    }
    if (std::exchange(grid.chunks[cell], i) != kFree) return no_grid();
  }
  return grid;
}

std::size_t ChunkGrid::cut_axes() const {
  std::size_t count = axes.size();
  while (count > 0 && axes[count - 1].begins.size() == 1) --count;
  return count;
}

bool ChunkGrid::is_in_rows() const {
  for (std::size_t axis = 0; axis + 1 < cut_axes(); ++axis) {
    // In front of the last cut each cell has one step along the axis.
    if (axes[axis].begins.size() != axes[axis].size) return false;
  }
  return true;
}

}  // namespace hardload
