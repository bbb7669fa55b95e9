// save: an object as a file that torch.load reads. The C++ twin of torch.save.
//
//   hardload::save(hardload::state_dict_of(*net), "model.pth").value();
//   hardload::save(Tree::dict({{"model", state_dict_of(*net)}, {"epoch", 7}}), "run.pt").value();
//
// The file has the form of torch 2.11, and torch.load(weights_only=True) gives back the same
// object: tensors bit for bit with their types, strides and devices, what shares memory or is one
// object, the order of entries and the types of containers. (Three things that torch.save writes,
// too, only torch.load(weights_only=False) reads: integers over 255 bytes, tuples that contain
// themselves, and classes.) Nothing is written that is not in the table of names that torch.load
// accepts by default.
//
// The file appears all at once: until it is whole and on the disk, what was there before stays
// (loader/bytes/file_writer.h).
#pragma once

#include <cstdint>
#include <string>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_sink.h"
#include "loader/torch/checkpoint.h"
#include "loader/torch/state_dict.h"
#include "loader/torch/tree.h"

namespace hardload {

struct SaveOptions {
  // Where in the file each record begins: at a multiple of this power of two, 16 to 32768. 4096
  // suits those who map the file.
  std::uint64_t alignment = 64;
  // Where the path is a symbolic link, replaces the link. Without it, that is an error.
  bool replace_link = false;
  // Waits until the file is on the disk. Without it, a power failure may leave an empty file.
  bool sync = true;
  // What load() accepts: depth, dimensions and the size of the pickle are compared with it.
  Limits limits = {};
};

// Writes the file at `path`. Tensors are read while it runs and must not be changed by others;
// those of other devices are copied to the host one storage at a time. Errors: kIo and kNotRegular
// from the file system; kUnsupported, kKey and kLimit for what cannot be saved, with its place in
// the tree; kOutOfMemory. Threads: any number of saves at once, to different paths.
Result<void> save(const Tree& tree, const std::string& path, const SaveOptions& options = {});
Result<void> save(const StateDict& state, const std::string& path, const SaveOptions& options = {});
Result<void> save(const Checkpoint& checkpoint, const std::string& path,
                  const SaveOptions& options = {});

// Into `sink` instead, as torch.save into a stream; `replace_link` and `sync` mean nothing there.
// After an error, what is in the sink is incomplete.
Result<void> save(const Tree& tree, ByteSink& sink, const SaveOptions& options = {});

}  // namespace hardload
