// DistributedMetadata: what the `.metadata` of a torch.distributed.checkpoint says, as data.
//
// It is a pickle of torch/distributed/checkpoint/metadata.py's Metadata. For each entry of the flat
// state dict it has the tensor's dtype, size and chunks, which are boxes of it, or says that it is
// any other object (state_dict_metadata). Where the torch.save file of a chunk or an object lies,
// that is in which file, from which byte on, and how long (storage_data: filesystem.py's
// _StorageInfo by MetadataIndex, which is the entry's name and the chunk's offset). And where in
// the dicts and lists that were saved the entry belongs (planner_data).
//
//   HARDLOAD_ASSIGN(auto metadata, DistributedMetadata::read(source, limits, unlisted));
//   for (const DistributedMetadata::Entry& entry : metadata.entries()) print(entry.name);
//
// What it says of tensors, files and each other is not checked yet; that names and places are not
// repeated is, and that each chunk that has elements has a slice. Whatever else it holds, as who
// saved it where, is not looked at. Ownership: owns what its accessors lend. Threads: reading from
// any number of threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/value.h"

namespace hardload {

class DistributedMetadata {
 public:
  static constexpr std::uint32_t kNoSlice = ~std::uint32_t{0};

  // A torch.save file inside of a file.
  struct Slice {
    std::uint32_t file;  // among files()
    std::uint64_t offset, bytes;
  };
  struct Chunk {
    std::uint64_t dims;   // see offsets() and sizes()
    std::uint32_t slice;  // among slices(); kNoSlice: without elements, so that none is needed
  };
  struct Entry {
    Slot name;       // a kString
    bool is_tensor;  // else any object, of one chunk without dimensions
    Dtype dtype;     // of a tensor
    std::uint32_t rank;
    std::uint32_t chunks;
    std::uint64_t first_chunk;
    std::uint64_t dims;  // of a tensor; see sizes()
    Slot path;           // a kTuple of keys and indices; kNone where the name is the one key
  };

  // Errors: those of reading and of run_pickle (a name that is not in the table of its dialect:
  // kGlobal); kPickle where something is not what torch writes; kKey for repeated and missing
  // entries; kName for a file name that is more than that; kUnsupported for slices that were
  // transformed, and dtypes without tensors; kLimit.
  static Result<DistributedMetadata> read(const ByteSource& source, const Limits& limits,
                                          Unlisted unlisted);
  static Result<DistributedMetadata> parse(Buffer pickle, const Limits& limits, Unlisted unlisted);

  // In their order in the pickle; files by their first mention.
  std::span<const Entry> entries() const { return entries_; }
  std::span<const std::string_view> files() const { return files_; }
  std::span<const Slice> slices() const { return slices_; }

  std::string_view name(const Entry& entry) const { return graph_.text_of(entry.name); }
  std::span<const Slot> path(const Entry& entry) const { return graph_.items_of(entry.path); }
  std::span<const std::int64_t> sizes(const Entry& entry) const {
    return std::span(dims_).subspan(entry.dims, entry.rank);
  }
  std::span<const Chunk> chunks(const Entry& entry) const {
    return std::span(chunks_).subspan(entry.first_chunk, entry.chunks);
  }
  std::span<const std::int64_t> offsets(const Entry& entry, const Chunk& chunk) const {
    return std::span(dims_).subspan(chunk.dims, entry.rank);
  }
  std::span<const std::int64_t> sizes(const Entry& entry, const Chunk& chunk) const {
    return std::span(dims_).subspan(chunk.dims + entry.rank, entry.rank);
  }

  // The pickle, in which names and the texts of paths lie.
  std::string_view text() const { return graph_.text.text(); }
  std::string_view text_of(Slot slot) const { return graph_.text_of(slot); }

 private:
  class Parser;
  DistributedMetadata() = default;

  ValueGraph graph_;
  std::vector<Entry> entries_;
  std::vector<Chunk> chunks_;
  std::vector<std::int64_t> dims_;
  std::vector<Slice> slices_;
  std::vector<std::string_view> files_;
};

}  // namespace hardload
