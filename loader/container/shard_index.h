// ShardIndex: which file of a sharded checkpoint holds which tensor.
//
//   HARDLOAD_ASSIGN(ShardIndex index, ShardIndex::read(source, limits));
//   for (const ShardIndex::Entry& entry : index.entries()) print(entry.tensor,
//   index.files()[entry.file]);
//
// The format (what huggingface_hub and transformers write as model.safetensors.index.json and
// pytorch_model.bin.index.json): a JSON object with a member "weight_map", an object of texts,
// tensor name: file name. Its member "metadata" may be absent, and hold anything; "total_size" in
// it counts bytes, of tensors or of files, depending on the writer. Other members are skipped.
//
// A file name is one plain component of a path (is_plain_name). Nothing else that the index says is
// believed: the files are asked which tensors they hold (loader/manifest/join_shards.h).
//
// Ownership: owns what its accessors lend, which stays where it is when the index is moved.
// Threads: reading from any number of threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"

namespace hardload {

class ShardIndex {
 public:
  struct Entry {
    std::string_view tensor;
    std::uint32_t file;  // among files()
  };

  // Of an index; huggingface_hub reads none over 10 MB.
  static constexpr std::uint64_t kMaxBytes = 100'000'000;

  // Errors: those of reading; kUnknownFormat for a JSON text that is no index; kContainer for text
  // of another form, and for repeated names; kName for a file name that is more than that; kLimit
  // over kMaxBytes, max_directory_bytes, max_records (tensors) and max_shards.
  static Result<ShardIndex> read(const ByteSource& source, const Limits& limits);
  static Result<ShardIndex> parse(Buffer text, const Limits& limits);

  // In their order in the index, files by their first mention.
  std::span<const Entry> entries() const { return entries_; }
  std::span<const std::string_view> files() const { return files_; }
  // The entry of a tensor, or nullptr.
  const Entry* find(std::string_view tensor) const;

  // "total_size" as it stands in the text, a number mostly; empty where there is none.
  std::string_view total_size() const { return total_size_; }

 private:
  class Parser;
  ShardIndex() = default;

  Buffer text_;
  std::vector<Entry> entries_;
  std::vector<std::string_view> files_;
  NameIndex by_name_;  // positions among entries_
  std::string_view total_size_;
};

}  // namespace hardload
