// Container: a checkpoint's file as records, whatever its format. What each format's reader makes,
// and all that later stages see of it.
//
//   HARDLOAD_ASSIGN(auto archive, TorchArchive::open(source, limits, verify_crc));
//   const Record* storage = archive.storage("0");
//
// Ownership: owns what its accessors lend, which stays where it is when the container is moved.
// Threads: reading from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/container/record.h"

namespace hardload {

enum class ByteOrder : std::uint8_t { kLittle, kBig };

enum class Format : std::uint8_t {
  kTorchZip,      // torch.save since 1.6, torch::pickle_save
  kTorchScript,   // torch.jit.save, C++ torch::save, OutputArchive
  kLegacyStream,  // torch.save of 0.1.10 to 1.5
  kTar,           // torch.save of the first 0.1
  kPt2,           // torch.export.save
  kSafetensors,   // of Hugging Face
  kDistributed,   // a folder of torch.distributed.checkpoint
};

// "torch.save zip", for people; "zip", for programs.
std::string_view to_string(Format format);
std::string_view short_name(Format format);

// A text that stands beside the tensors.
struct MetadataEntry {
  std::string_view key, value;
};

// A file of a checkpoint that lies in several.
struct ShardFile {
  std::string_view name;
  std::uint64_t begin;  // where its bytes begin among those of all
};

class Container {
 public:
  virtual ~Container() = default;

  virtual Format format() const = 0;
  // The format's own version; nullopt where the file does not say one.
  virtual std::optional<std::uint32_t> version() const = 0;
  // Of the elements of storages.
  virtual ByteOrder byte_order() const = 0;

  // All records, in the order of their listing. They do not overlap in the file.
  virtual std::span<const Record> records() const = 0;
  // How many of these hold storages.
  virtual std::size_t storage_records() const = 0;
  // The record of a storage by its key, or nullptr. `previous`, one that was found before, makes
  // this faster: writers put records in the order in which the pickle refers to them.
  virtual const Record* storage(std::string_view key, const Record* previous = nullptr) const = 0;

  // `__metadata__` of a safetensors file, in its order; other formats have none.
  virtual std::span<const MetadataEntry> metadata() const { return {}; }
  // Bytes behind the checkpoint, where its format lets further ones follow in the same file.
  virtual std::uint64_t following() const { return 0; }

  // Of a sharded checkpoint, in the order of their bytes; else none. The records of each are named
  // "SHARD/NAME", and its storages have the keys "SHARD/KEY". What begins behind an entry without a
  // name, the last one, lies in several of them.
  virtual std::span<const ShardFile> shards() const { return {}; }

 protected:
  Container() = default;
  Container(Container&&) = default;
  Container& operator=(Container&&) = default;
};

}  // namespace hardload
