// TorchArchiveWriter: the records of torch.save, in its order.
//
//   TorchArchiveWriter archive(file, archive_folder("runs/model.pth"));
//   HARDLOAD_TRY(archive.begin(pickle, ByteOrder::kLittle));
//   HARDLOAD_TRY(archive.begin_storage(bytes));       // for each storage, by its number
//   HARDLOAD_TRY(archive.write(piece));               // as many pieces as it takes
//   HARDLOAD_TRY(archive.end_storage());
//   HARDLOAD_TRY(archive.finish());
//
// The records are those of torch/serialization.py, _save; zip_writer.h says how they lie. Storages
// go through: nothing of them is kept.
//
// Ownership: borrows the sink. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "loader/base/result.h"
#include "loader/bytes/byte_sink.h"
#include "loader/container/container.h"
#include "loader/container/zip_writer.h"

namespace hardload {

class TorchArchiveWriter {
 public:
  // ZipWriter::is_alignment(alignment).
  TorchArchiveWriter(ByteSink& sink, std::string folder, std::uint64_t alignment = 64)
      : zip_(sink, std::move(folder), alignment), alignment_(alignment) {}

  // Errors of all of these: those of ZipWriter.
  Result<void> begin(std::string_view pickle, ByteOrder order);
  Result<void> begin_storage(std::uint64_t bytes);
  Result<void> write(std::span<const std::byte> bytes) { return zip_.write(bytes); }
  Result<void> end_storage() { return zip_.end(); }
  Result<void> finish() { return zip_.finish(); }

 private:
  ZipWriter zip_;
  std::uint64_t alignment_;
  std::uint64_t storages_ = 0;
};

}  // namespace hardload
