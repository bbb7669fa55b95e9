// Pt2Archive: a zip file of torch.export.save (.pt2), of which the weights are read.
//
// Records (torch/export/pt2_archive/_package.py, torch/csrc/export/pt2_archive_constants.h), all
// under one folder: `archive_format`, "pt2"; `archive_version`, "0"; `byteorder`; for each model
// `data/weights/MODEL_weights_config.json` (see pt2_config.h) and `data/weights/weight_N`, the
// bytes of one storage each. What is computed with them, `models/MODEL.json`, the constants and the
// sample inputs are not looked at.
//
//   if (Pt2Archive::is_one(zip)) {
//     HARDLOAD_ASSIGN(auto archive, Pt2Archive::open(source, std::move(zip), limits, verify_crc));
//     for (const Pt2Weight& weight : archive.weights()) ...
//   }
//
// Ownership and threads: as Container.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/container/pt2_config.h"
#include "loader/container/zip_archive.h"

namespace hardload {

class Pt2Archive final : public Container {
 public:
  // Whether the zip file says that it is one.
  static bool is_one(const ZipArchive& zip);

  // Reads the small records and the list of weights. Errors: kContainer for records in several
  // folders; kUnsupported for another version, for several models, and where there are no weights
  // (a package of compiled code); kByteOrder; kChecksum; those of parse_pt2_config.
  static Result<Pt2Archive> open(const ByteSource& source, ZipArchive zip, const Limits& limits,
                                 bool verify_crc);

  Format format() const override { return Format::kPt2; }
  std::optional<std::uint32_t> version() const override { return 0; }
  ByteOrder byte_order() const override { return ByteOrder::kLittle; }
  std::span<const Record> records() const override { return zip_.records(); }
  std::size_t storage_records() const override;
  // By its path_name, "weight_0".
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;

  // In the order of the list.
  std::span<const Pt2Weight> weights() const { return config_.weights; }
  std::span<const std::int64_t> sizes(const Pt2Weight& weight) const {
    return std::span(config_.dims).subspan(weight.dims, weight.rank);
  }
  std::span<const std::int64_t> strides(const Pt2Weight& weight) const {
    return std::span(config_.dims).subspan(weight.dims + weight.rank, weight.rank);
  }

 private:
  Pt2Archive(ZipArchive zip, std::string prefix)
      : zip_(std::move(zip)), prefix_(std::move(prefix)) {}

  Result<void> check_folder() const;
  Result<void> check_is_no_other() const;
  Result<void> check_text(const ByteSource& source, std::string_view name,
                          std::string_view expected, const Limits& limits, bool verify_crc) const;
  Result<const Record*> find_config() const;

  ZipArchive zip_;
  std::string prefix_;  // the folder with its slash
  Pt2Config config_;
};

}  // namespace hardload
