// DistributedContainer: the records of a torch.distributed.checkpoint, as those of one file.
//
// Each slice of its files is an archive of torch.save; its records are named
// "FILE/OFFSET/NAME", OFFSET being where in the file the slice begins. A tensor whose chunks lie in
// several slices is one record here, "/NAME OF THE TENSOR", in the place of theirs: its bytes are
// those of a GatheredSource behind all files. A storage's key is the name of its record.
//
// Ownership: owns what its accessors lend. Threads: one thread until it is finished; then reading
// from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/container/container.h"

namespace hardload {

class DistributedContainer final : public Container {
 public:
  // Whether archives of this byte order can be added: the first one decides.
  bool accept(ByteOrder byte_order) {
    if (!byte_order_) byte_order_ = byte_order;
    return byte_order_ == byte_order;
  }

  // In the order of their bytes; the one without a name, for gathered tensors, last.
  void add_file(std::string_view name, std::uint64_t begin);

  // Adds the records of an archive, but for `left_out`, which is one of its storages or nullptr.
  // `prefix`: "FILE/OFFSET"; `begin`: of the slice, among the bytes of all files. The number of its
  // first record.
  std::size_t add(const Container& archive, std::string_view prefix, std::uint64_t begin,
                  const Record* left_out = nullptr);
  // Adds a tensor, whose place is not known yet. The number of its record.
  std::size_t add_gathered(std::string_view name, std::uint64_t bytes, std::uint32_t crc32);
  void place(std::size_t record, std::uint64_t begin);
  // A copy of `text` that lives as long as the container.
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

  Format format() const override { return Format::kDistributed; }
  std::optional<std::uint32_t> version() const override { return std::nullopt; }
  ByteOrder byte_order() const override { return byte_order_.value_or(ByteOrder::kLittle); }
  // They move while some are added.
  std::span<const Record> records() const override { return records_; }
  std::size_t storage_records() const override { return storage_records_; }
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;
  std::span<const ShardFile> shards() const override { return files_; }

 private:
  std::optional<ByteOrder> byte_order_;
  std::deque<std::string> texts_;  // they stay where they are
  std::vector<ShardFile> files_;
  std::vector<Record> records_;
  std::size_t storage_records_ = 0;
};

}  // namespace hardload
