// load: a checkpoint as LibTorch tensors. The C++ twin of torch.load, and of safetensors'
// load_file: what the file is, its content says.
//
//   auto checkpoint = hardload::load("model.pth", {.map_location = "cpu"}).value();
//
// A path may also be that of an index of shards (model.safetensors.index.json,
// pytorch_model.bin.index.json), or of a folder that holds one: all shards are loaded as one
// checkpoint. Or of a folder of torch.distributed.checkpoint: it loads as what torch's own
// dcp_to_torch_save makes of it. See loader/container/checkpoint_files.h.
//
// Nothing in the file is run. Everything that it says is checked before the first tensor is
// allocated, and every byte against its CRC-32, where the file has one, before anything is
// returned: the result is all or nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/place/map_location.h"
#include "loader/torch/checkpoint.h"
#include "loader/transfer/progress.h"

namespace hardload {

struct LoadOptions {
  // Where tensors go: "cpu", "cuda", "cuda:1", "meta" (shapes only; no tensor data is read), a
  // torch::Device, a table of saved tags, or a function; see map_location.h. Without it, each goes
  // where it was when it was saved.
  MapLocation map_location = {};

  // Tensors view the file itself instead of memory of their own: nothing is read or verified until
  // it is used, and the tensors follow the file. A file that is cut short later raises SIGBUS where
  // they are used. Only for load(path) and storages that stay on the CPU, uncompressed and in this
  // machine's byte order; others are loaded as usual.
  bool mapped = false;

  // Names in the pickle that are not plain data: refuse the file, or keep them as inert values
  // (value.h), so that the tensors beside them can be had. Nothing is looked up or called.
  Unlisted unlisted = Unlisted::kRefuse;

  // Load only the tensors whose names match one of these: "head.weight", "encoder.*" (glob.h). No
  // byte of another one is read; state_dict() leaves the others out, tensor() gives undefined ones.
  std::vector<std::string> only = {};

  // The most bytes of memory that tensors may take, on all devices together. More is kLimit, before
  // anything is allocated. Beside them, a deflated record takes its size while it is read, and what
  // goes to devices takes up to 64 MiB of the host's, page-locked.
  std::uint64_t memory_budget = std::numeric_limits<std::uint64_t>::max();

  // Bytes in front of the archive, which then is one file: a header of somebody else, or where a
  // stream stood. Before torch 1.6 several checkpoints may follow each other:
  // Container::following().
  std::uint64_t offset = 0;

  // Links in the folder of a sharded checkpoint are followed within the folder, and from a snapshot
  // of a Hugging Face cache into its blobs (loader/bytes/folder.h); or none is.
  bool follow_links = true;

  // Called while tensor data is read; false stops the load (kCancelled). See progress.h.
  ReportProgress progress = {};

  bool verify_crc = true;  // torch itself never does
  unsigned threads = 0;    // 0: as many as pay: the machine's, or more to wait for a disk
  Limits limits = {};
};

// Loads the checkpoint at `path`, or the file in `source`. Errors: every kind; each names the file,
// the record and the byte where there is one, and what to do. Threads: any number of loads at once.
Result<Checkpoint> load(const std::string& path, const LoadOptions& options = {});
Result<Checkpoint> load(std::shared_ptr<const ByteSource> source, const LoadOptions& options = {});

}  // namespace hardload
