// GatheredSource: a tensor that lies in pieces, as if it lay in one.
//
// For checkpoints whose tensors were saved in chunks: a chunk is a box of the tensor, and its
// elements lie in row-major order somewhere in another source. Here the chunks form a grid: each
// axis of the tensor is cut at some places, through the whole tensor.
//
//   Grid grid;                                 // a matrix of 4 x 6 floats, cut between columns
//   grid.axes = {{4, {0}}, {6, {0, 3}}};
//   grid.unit = sizeof(float);
//   grid.places = {100, 500};                  // where the left half begins, and the right one
//   HARDLOAD_ASSIGN(auto tensor, GatheredSource::make(file, std::move(grid)));
//   tensor->read_at(0, row);                   // 24 bytes: 12 from 100 on, 12 from 500 on
//
// Its bytes are the other source's: it has none of its own (allocated_bytes), lends none, and does
// not ask whether the file has changed. Ownership: shares the other source. Threads: as it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "loader/bytes/byte_source.h"

namespace hardload {

struct Grid {
  struct Axis {
    std::uint64_t size = 0;             // in steps
    std::vector<std::uint64_t> begins;  // of the cells along it: 0, and where it is cut
  };
  std::vector<Axis> axes;  // one or more; what no cut goes through is left out at the end
  std::uint64_t unit = 1;  // bytes of a step along the last axis
  std::vector<std::uint64_t>
      places;  // where the bytes of each cell begin, cells in row-major order

  // The cells' sizes along `axis`.
  std::uint64_t extent(std::size_t axis, std::size_t cell) const;
  std::uint64_t bytes() const;
  std::uint64_t cell_bytes(std::size_t cell) const;
};

class GatheredSource final : public ByteSource {
 public:
  // A run of bytes: in which cell, where from its beginning on, how many.
  struct Run {
    std::size_t cell;
    std::uint64_t begin, bytes;
  };

  // The caller has checked that no axis is empty and that nothing overflows 64 bits. Errors:
  // kBounds where a cell is not inside of `source`.
  static Result<std::shared_ptr<const GatheredSource>> make(
      std::shared_ptr<const ByteSource> source, Grid grid);

  const Grid& grid() const { return grid_; }
  // The run that byte `offset` is in, from there on.
  Run run_at(std::uint64_t offset) const;

  std::string_view name() const override { return source_->name(); }
  std::uint64_t size() const override { return size_; }
  std::uint64_t allocated_bytes() const override { return 0; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  bool is_cached(std::uint64_t offset) const override;

 private:
  GatheredSource(std::shared_ptr<const ByteSource> source, Grid grid)
      : source_(std::move(source)), grid_(std::move(grid)), size_(grid_.bytes()) {}

  std::shared_ptr<const ByteSource> source_;
  Grid grid_;
  std::uint64_t size_;
};

}  // namespace hardload
