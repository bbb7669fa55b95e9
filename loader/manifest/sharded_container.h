// ShardedContainer: the records of all shards of a checkpoint, as those of one file.
//
// Places count as in a JoinedSource over the shards (loader/bytes/joined_source.h), names begin
// with the shard's: "model-00001-of-00002.safetensors/fc.weight". All shards have one format and
// one byte order.
//
// Ownership: owns the shards' containers, and what its accessors lend. Threads: reading from any
// number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/result.h"
#include "loader/container/container.h"

namespace hardload {

class ShardedContainer final : public Container {
 public:
  struct Shard {
    std::string file;
    std::uint64_t begin = 0;  // of its bytes
    std::unique_ptr<const Container> container;
  };

  // Of one shard or more. Errors: kUnsupported for shards of several formats or byte orders.
  static Result<std::unique_ptr<const ShardedContainer>> make(std::vector<Shard> shards);

  // The record that stands for `record` of shard `shard`'s own container; nullptr for nullptr.
  const Record* joined(std::size_t shard, const Record* record) const;

  Format format() const override { return first().format(); }
  std::optional<std::uint32_t> version() const override { return first().version(); }
  ByteOrder byte_order() const override { return first().byte_order(); }
  std::span<const Record> records() const override { return records_; }
  std::size_t storage_records() const override;
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;
  std::span<const ShardFile> shards() const override { return files_; }

 private:
  explicit ShardedContainer(std::vector<Shard> shards) : shards_(std::move(shards)) {}
  const Container& first() const { return *shards_.front().container; }
  void add_records();

  std::vector<Shard> shards_;
  std::vector<ShardFile> files_;
  std::vector<Record> records_;            // of all, shard by shard
  std::vector<std::size_t> first_record_;  // of each shard, among records_
  std::string names_;                      // of records_
};

}  // namespace hardload
