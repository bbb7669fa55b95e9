// ChunkGrid: that the chunks of a tensor are all of it, and each element once.
//
// torch.distributed.checkpoint saves a tensor that lies on several devices as boxes of it. Those of
// its own tensors (DTensor, ShardedTensor) form a grid: each axis is cut at some places, through
// the whole tensor. What is read here are the boxes' places and sizes alone.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/gathered_source.h"
#include "loader/manifest/distributed_metadata.h"

namespace hardload {

struct ChunkGrid {
  std::vector<Grid::Axis> axes;  // of the tensor, in elements
  // The chunk of each cell, in row-major order, among those of the tensor. None where it is empty.
  std::vector<std::uint32_t> chunks;

  // Errors: kLayout where chunks leave the tensor, or have more or fewer elements than it;
  // kUnsupported where they are as many, but in no grid, or on top of each other.
  static Result<ChunkGrid> arrange(const DistributedMetadata& metadata,
                                   const DistributedMetadata::Entry& entry);

  // How many axes are left where those behind the last cut are left out; 0 where none is cut.
  std::size_t cut_axes() const;
  // Whether the cells, each in row-major order, follow each other in the tensor's own order.
  bool is_in_rows() const;
};

}  // namespace hardload
