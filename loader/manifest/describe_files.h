// describe_files: describe(), of a checkpoint that may lie in several files.
//
//   HARDLOAD_ASSIGN(auto files, CheckpointFiles::open("models/llama", {.limits = limits}));
//   HARDLOAD_ASSIGN(Described described, describe_files(std::move(files), {.limits = limits}));
//
// All shards are described and checked, and checked against the index, before it succeeds.
#pragma once

#include <memory>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct Described {
  std::shared_ptr<const ByteSource> source;  // that the manifest's places count in
  Manifest manifest;
};

// Errors: those of describe and of join_shards; each carries the name of the file that it is about.
Result<Described> describe_files(CheckpointFiles files, const DescribeOptions& options);

}  // namespace hardload
