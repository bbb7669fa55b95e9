// CheckpointFiles: the files of a checkpoint, opened: one, or all that an index of shards names, or
// the one that names the others.
//
//   HARDLOAD_ASSIGN(auto files, CheckpointFiles::open("models/llama", {.limits = limits}));
//   if (files.index) print("in shards:", files.sources.size());
//
// A path is a checkpoint's file; an index of shards, beside its shards; the `.metadata` of a
// torch.distributed.checkpoint, beside its files; or a folder. In a folder the first of these
// counts: model.safetensors; the one name that ends in .safetensors.index.json; pytorch_model.bin;
// the one name that ends in .bin.index.json; .metadata. That is the order of Hugging Face's
// transformers. What a file is, its content says: any of these may be a checkpoint or an index.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/bytes/folder.h"
#include "loader/container/shard_index.h"

namespace hardload {

struct CheckpointFiles {
  std::string name;                 // of the checkpoint, for messages
  std::optional<ShardIndex> index;  // where it has one
  // One; or for each of index->files() one, of which nothing has been read.
  std::vector<std::shared_ptr<const ByteSource>> sources;
  // Of a torch.distributed.checkpoint, whose `.metadata` is the one source: where the files are
  // that it names, which only describe_files can read; and how they are to be opened.
  std::optional<Folder> folder = {};
  OpenFileOptions file_options = {};

  struct Options {
    const Limits& limits;
    // In folders. A link that the caller names is always followed.
    OpenFileOptions files = {};
  };

  // Errors: those of FileSource, Folder and ShardIndex, with the name of the file that they are
  // about; kNotRegular for a folder that holds no checkpoint, kUnsupported for one with several.
  static Result<CheckpointFiles> open(const std::string& path, const Options& options);
};

}  // namespace hardload
