// Checkpoints of storages, a source that can fail, and a sink in memory, for tests of transfer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/bytes/memory_source.h"
#include "loader/transfer/sink.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"
#include "tests/support/zip_builder.h"

namespace hardload::testing {

struct SavedStorage {
  std::string content;
  std::string storage_class = "ByteStorage";
  RecordTweaks tweaks = {};
};

// A checkpoint of a list of storages, with the keys "0", "1", ...
inline CheckpointBuilder checkpoint_of(const std::vector<SavedStorage>& storages) {
  CheckpointBuilder builder;
  PickleBuilder p;
  p.empty_list().mark();
  for (std::size_t i = 0; i < storages.size(); ++i) {
    const SavedStorage& storage = storages[i];
    const std::string key = std::to_string(i);
    const std::uint64_t item =
        item_bytes(dtype_of_storage(storage.storage_class).value_or(Dtype::kUInt8));
    p.storage(storage.storage_class, key, static_cast<std::int64_t>(storage.content.size() / item));
    builder.record("data/" + key, storage.content, storage.tweaks);
  }
  return builder.pickle(p.op('e').stop());
}

// Bytes that are the same nowhere else.
inline std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed * 2'654'435'761u + 1;
  for (char& byte : bytes) {
    state = state * 1'664'525u + 1'013'904'223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Bytes in memory that can fail to be read, shrink, or count for less.
class ScriptedSource : public ByteSource {
 public:
  explicit ScriptedSource(std::string_view bytes)
      : allocated(bytes.size()), source_(as_bytes(bytes), "scripted") {}

  std::string_view name() const override { return source_.name(); }
  std::uint64_t size() const override { return source_.size(); }
  std::uint64_t allocated_bytes() const override { return allocated; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (++reads == failing_read) {
      return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone").at(offset);
    }
    return source_.read_at(offset, out);
  }
  Result<void> check_unchanged() const override {
    if (!changed) return {};
    return Error(ErrorKind::kIo, Stage::kBytes, "the file changed");
  }

  std::uint64_t allocated;
  bool changed = false;
  int failing_read = 0;  // counted from 1; 0: none
  mutable std::atomic<int> reads = 0;

 private:
  MemorySource source_;
};

class MemorySink : public Sink {
 public:
  explicit MemorySink(const ScriptedSource* source = nullptr) : source_(source) {}

  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override {
    if (source_ != nullptr) {
      EXPECT_EQ(source_->reads, 0) << "bytes were read before all memory was there";
    }
    std::vector<Destination> memory;
    for (const auto& [storage, bytes] : storages) {
      if (failing_allocation == static_cast<int>(blocks_.size())) {
        return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "the sink is full");
      }
      blocks_.push_back({storage, bytes, std::make_unique<std::byte[]>(bytes)});
      memory.push_back({blocks_.back().memory.get()});
    }
    return memory;
  }

  // What was asked for, in order.
  std::vector<std::size_t> storages() const {
    std::vector<std::size_t> numbers;
    for (const Block& block : blocks_) numbers.push_back(block.storage);
    return numbers;
  }
  std::string content(std::size_t position) const {
    const Block& block = blocks_[position];
    return text_of({block.memory.get(), block.bytes});
  }

  int failing_allocation = -1;  // counted from 0

 private:
  struct Block {
    std::size_t storage;
    std::uint64_t bytes;
    std::unique_ptr<std::byte[]> memory;  // of exactly this size, so that sanitizers see more
  };
  std::vector<Block> blocks_;
  const ScriptedSource* source_;
};

// 0, 1, ... count - 1
inline std::vector<std::size_t> first_numbers(std::size_t count) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace hardload::testing
