// TorchArchive: a zip file that has the records of torch.save, or of torch.jit.save.
//
// Records (torch/serialization.py: _save, _load; caffe2/serialize/inline_container.cc): all under
// one folder; `data.pkl`, the pickled object; `data/KEY`, one per storage; `version`, or
// `.data/version`, a number of 1 to 10; `byteorder`, "little" (also where absent) or "big";
// `.data/serialization_id`, whose second half hashes the CRC fields of all records.
//
// A TorchScript archive (torch/csrc/jit/serialization/export_module.cpp), which C++ torch::save
// writes, too, has `constants.pkl` and `code/` beside these. Of them no more than names and sizes
// is read: the parameters, buffers and attributes are in data.pkl.
//
//   HARDLOAD_ASSIGN(auto archive, TorchArchive::open(source, options));
//   const Record* storage = archive.storage("0");
//
// Ownership and threads: as ZipArchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/container/zip_archive.h"

namespace hardload {

class TorchArchive final : public Container {
 public:
  // Reads the directory and the small records, not data.pkl or any storage. Errors: those of
  // ZipArchive::open; kContainer where there is no data.pkl or no single folder; kUnsupported for
  // other versions; kByteOrder; kChecksum where CRC fields were zeroed after the file was written.
  // With `verify_crc` off no CRC is compared.
  static Result<TorchArchive> open(const ByteSource& source, const Limits& limits, bool verify_crc);
  // Of a zip file that is open.
  static Result<TorchArchive> open(const ByteSource& source, ZipArchive zip, const Limits& limits,
                                   bool verify_crc);

  Format format() const override { return is_script_ ? Format::kTorchScript : Format::kTorchZip; }
  std::optional<std::uint32_t> version() const override { return version_; }
  ByteOrder byte_order() const override { return byte_order_; }
  std::span<const Record> records() const override { return zip_.records(); }
  std::size_t storage_records() const override;
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;

  const ZipArchive& zip() const { return zip_; }
  // The folder, without its slash.
  std::string_view folder() const {
    return std::string_view(prefix_).substr(0, prefix_.size() - 1);
  }

  const Record& pickle() const { return *pickle_; }

  // Whether data.pkl may be by LibTorch's pickler. Of an archive that is not TorchScript the order
  // of the records tells: Python writes `byteorder` before the archive is closed, LibTorch after
  // that. Before torch 2.1 neither wrote it.
  bool may_be_by_libtorch() const;

 private:
  Result<void> find_folder();
  Result<void> check_case() const;
  Result<void> read_version(const ByteSource& source, const Limits& limits, bool verify_crc);
  Result<void> read_byte_order(const ByteSource& source, const Limits& limits, bool verify_crc);
  // The record `name` of the archive's folder, or nullptr.
  const Record* find(std::string_view name) const;

  ZipArchive zip_;
  std::string prefix_;  // the folder with its slash
  const Record* pickle_ = nullptr;
  ByteOrder byte_order_ = ByteOrder::kLittle;
  std::uint32_t version_ = 0;
  bool is_script_ = false;
};

}  // namespace hardload
