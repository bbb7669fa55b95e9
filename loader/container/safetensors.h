// SafetensorsFile: a safetensors file as records, one per tensor.
//
//   HARDLOAD_ASSIGN(auto file, SafetensorsFile::open(source, limits));
//   for (const Record& record : file.records()) print(record.name, record.bytes);
//
// Reads the header only (safetensors_header.h says what is in it). The format has no checksums: the
// records have none, and no damage of their data can be seen.
//
// Ownership: owns what its accessors lend, which stays where it is when the file is moved. Threads:
// reading from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/container/safetensors_header.h"

namespace hardload {

class SafetensorsFile final : public Container {
 public:
  // Errors: those of reading and of parse_safetensors_header; kTooShort for a file that ends inside
  // of its header; kLimit for a header of over 100,000,000 bytes or max_directory_bytes.
  static Result<SafetensorsFile> open(const ByteSource& source, const Limits& limits);

  Format format() const override { return Format::kSafetensors; }
  std::optional<std::uint32_t> version() const override { return std::nullopt; }
  ByteOrder byte_order() const override { return ByteOrder::kLittle; }
  std::span<const Record> records() const override { return header_.records; }
  std::size_t storage_records() const override { return header_.records.size(); }
  // By the tensor's name.
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;
  std::span<const MetadataEntry> metadata() const override { return header_.metadata; }

  // One for each record, in their order, which is that of the header.
  std::span<const SafetensorsTensor> tensors() const { return header_.tensors; }
  std::span<const std::int64_t> sizes(const SafetensorsTensor& tensor) const {
    return std::span(header_.sizes).subspan(tensor.sizes, tensor.rank);
  }

 private:
  explicit SafetensorsFile(SafetensorsHeader header) : header_(std::move(header)) {}

  SafetensorsHeader header_;
};

}  // namespace hardload
