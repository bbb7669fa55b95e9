#include "loader/bytes/gathered_source.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace hardload {
namespace {

// Runs of so many bytes are read to where they are wanted; shorter ones are copied from what was
// read of their cell before, up to so many bytes.
constexpr std::uint64_t kLongRun = 16 << 10;
constexpr std::uint64_t kMostAhead = 256 << 10;

// What was read of a cell, from `begin` on.
struct Ahead {
  std::uint64_t begin = 0;
  std::vector<std::byte> bytes;
};

}  // namespace

std::uint64_t Grid::extent(std::size_t axis, std::size_t cell) const {
  const Axis& along = axes[axis];
  const bool is_last = cell + 1 == along.begins.size();
  return (is_last ? along.size : along.begins[cell + 1]) - along.begins[cell];
}

std::uint64_t Grid::bytes() const {
  std::uint64_t bytes = unit;
  for (const Axis& axis : axes) bytes *= axis.size;
  return bytes;
}

std::uint64_t Grid::cell_bytes(std::size_t cell) const {
  std::uint64_t bytes = unit;
  for (std::size_t axis = axes.size(); axis-- > 0;) {
    const std::size_t count = axes[axis].begins.size();
    bytes *= extent(axis, cell % count);
    cell /= count;
  }
  return bytes;
}

Result<std::shared_ptr<const GatheredSource>> GatheredSource::make(
    std::shared_ptr<const ByteSource> source, Grid grid) {
  for (std::size_t cell = 0; cell < grid.places.size(); ++cell) {
    HARDLOAD_TRY(source->check_range(grid.places[cell], grid.cell_bytes(cell)));
  }
  return std::shared_ptr<const GatheredSource>(
      new GatheredSource(std::move(source), std::move(grid)));
}

GatheredSource::Run GatheredSource::run_at(std::uint64_t offset) const {
  // From the last axis to the first: the place along each, the cell there, and the place in it.
  Run run{0, offset % grid_.unit, 0};
  std::uint64_t rest = offset / grid_.unit, bytes = grid_.unit;
  std::size_t cells = 1;
  for (std::size_t axis = grid_.axes.size(); axis-- > 0;) {
    const Grid::Axis& along = grid_.axes[axis];
    const std::uint64_t at = rest % along.size;
    rest /= along.size;
    const auto behind = std::upper_bound(along.begins.begin(), along.begins.end(), at);
    const auto cell = static_cast<std::size_t>(behind - along.begins.begin()) - 1;
    const std::uint64_t extent = grid_.extent(axis, cell);
    run.begin += (at - along.begins[cell]) * bytes;
    run.cell += cell * cells;
    bytes *= extent;
    cells *= along.begins.size();
    if (axis + 1 == grid_.axes.size()) run.bytes = bytes - run.begin;
  }
  return run;
}

Result<void> GatheredSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, out.size()));
  std::map<std::size_t, Ahead> cells;
  const Grid::Axis& last = grid_.axes.back();
  while (!out.empty()) {
    const Run run = run_at(offset);
    const std::uint64_t place = grid_.places[run.cell] + run.begin;
    const auto part = out.first(std::min<std::uint64_t>(run.bytes, out.size()));
    if (part.size() >= kLongRun || part.size() == out.size()) {
      HARDLOAD_TRY(source_->read_at(place, part));
    } else {
      Ahead& ahead = cells[run.cell];
      // A cell's runs come in their order.
      if (run.begin + part.size() > ahead.begin + ahead.bytes.size()) {
        // As much as the rest of `out` needs of this cell, about.
        const std::size_t column = run.cell % last.begins.size();
        const std::uint64_t row = last.size * grid_.unit;
        const std::uint64_t rows = std::max<std::uint64_t>(out.size() / row, 1);
        const std::uint64_t wanted =
            rows * grid_.extent(grid_.axes.size() - 1, column) * grid_.unit;
        const std::uint64_t most = grid_.cell_bytes(run.cell) - run.begin;
        ahead.begin = run.begin;
        ahead.bytes.resize(
            std::max<std::uint64_t>(std::min({wanted, most, kMostAhead}), part.size()));
        HARDLOAD_TRY(source_->read_at(place, ahead.bytes));
      }
      std::memcpy(part.data(), ahead.bytes.data() + (run.begin - ahead.begin), part.size());
    }
    offset += part.size();
    out = out.subspan(part.size());
  }
  return {};
}

bool GatheredSource::is_cached(std::uint64_t offset) const {
  if (offset >= size_) return true;
  const Run run = run_at(offset);
  return source_->is_cached(grid_.places[run.cell] + run.begin);
}

}  // namespace hardload
