// describe_files: describe(), of a checkpoint that may lie in several files.
//
//   HARDLOAD_ASSIGN(auto files, CheckpointFiles::open("models/llama", {.limits = limits}));
//   HARDLOAD_ASSIGN(Described described, describe_files(std::move(files), {.limits = limits}));
//
// All shards are described and checked, and checked against the index, before it succeeds; of a
// torch.distributed.checkpoint, all slices of its files against its `.metadata`.
#pragma once

#include "loader/base/result.h"
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/described.h"

namespace hardload {

// Errors: those of describe, of join_shards, of DistributedMetadata and of join_slices; each
// carries the name of the file that it is about.
Result<Described> describe_files(CheckpointFiles files, const DescribeOptions& options);

}  // namespace hardload
