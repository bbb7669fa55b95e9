#include "loader/container/pt2_archive.h"

#include <algorithm>
#include <utility>

#include "loader/base/text.h"
#include "loader/container/record_reader.h"
#include "loader/container/serialization_id.h"

namespace hardload {
namespace {

constexpr std::string_view kFormatRecord = "archive_format";
constexpr std::string_view kWeights = "data/weights/";
constexpr std::string_view kConfigEnd = "_weights_config.json";

Error wrong(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kContainer, std::move(problem));
}

// The folder of the record `archive_format`, with its slash; nullopt where there is no such record.
std::optional<std::string_view> folder_of(const ZipArchive& zip) {
  for (const Record& record : zip.records()) {
    const auto slash = record.name.find('/');
    if (slash == record.name.npos) return std::nullopt;
    if (record.name.substr(slash + 1) == kFormatRecord) return record.name.substr(0, slash + 1);
  }
  return std::nullopt;
}

}  // namespace

bool Pt2Archive::is_one(const ZipArchive& zip) { return folder_of(zip).has_value(); }

Result<Pt2Archive> Pt2Archive::open(const ByteSource& source, ZipArchive zip, const Limits& limits,
                                    bool verify_crc) {
  std::string prefix(folder_of(zip).value_or(""));
  Pt2Archive archive(std::move(zip), std::move(prefix));
  HARDLOAD_TRY(archive.check_folder());
  HARDLOAD_TRY(archive.check_is_no_other());
  HARDLOAD_TRY(archive.check_text(source, kFormatRecord, "pt2", limits, verify_crc));
  HARDLOAD_TRY(archive.check_text(source, "archive_version", "0", limits, verify_crc));
  HARDLOAD_TRY(archive.check_text(source, "byteorder", "little", limits, verify_crc));
  if (verify_crc) {
    const Record* id = archive.zip_.find(concat(archive.prefix_, ".data/serialization_id"));
    HARDLOAD_TRY(check_absent_crcs(source, archive.records(), id, limits));
  }
  HARDLOAD_ASSIGN(const Record* const config, archive.find_config());
  HARDLOAD_ASSIGN(Buffer text,
                  read_record(source, *config, {limits, limits.max_directory_bytes, verify_crc}));
  auto parsed = parse_pt2_config(std::move(text), limits);
  if (!parsed.ok()) return std::move(parsed).error().in_record(config->name);
  archive.config_ = *std::move(parsed);
  return archive;
}

Result<void> Pt2Archive::check_folder() const {
  for (const Record& record : zip_.records()) {
    if (record.name.starts_with(prefix_)) continue;
    return wrong(ErrorKind::kContainer,
                 concat("the record is outside of the archive's folder '", prefix_, "'"))
        .in_record(record.name)
        .at(record.header_offset);
  }
  return {};
}

// What torch.load or torch.jit.load would take for a checkpoint of theirs has two meanings.
Result<void> Pt2Archive::check_is_no_other() const {
  for (const std::string_view name : {"data.pkl", "constants.pkl", "model.json"}) {
    const Record* record = zip_.find_ignoring_case(concat(prefix_, name));
    if (record == nullptr) continue;
    return wrong(ErrorKind::kUnsupported,
                 "the record is one of torch.save or TorchScript, in an archive of torch.export")
        .in_record(record->name)
        .at(record->header_offset)
        .advise("No version of torch writes this: the file is crafted, do not use it.");
  }
  return {};
}

Result<void> Pt2Archive::check_text(const ByteSource& source, std::string_view name,
                                    std::string_view expected, const Limits& limits,
                                    bool verify_crc) const {
  const Record* record = zip_.find(concat(prefix_, name));
  if (record == nullptr) {
    return wrong(ErrorKind::kContainer,
                 concat("the archive of torch.export has no record '", name, "'"));
  }
  constexpr std::uint64_t kMost = 64;
  HARDLOAD_ASSIGN(const Buffer content, read_record(source, *record, {limits, kMost, verify_crc}));
  if (content.text() == expected) return {};
  return wrong(ErrorKind::kUnsupported,
               concat("the record is '", content.text(), "', where only '", expected, "' is read"))
      .in_record(record->name)
      .advise("Export the model again with torch 2.11, on a little-endian machine.");
}

// The list of the one model's weights.
Result<const Record*> Pt2Archive::find_config() const {
  const Record* found = nullptr;
  for (const Record& record : zip_.records()) {
    const std::string_view name = record.name.substr(prefix_.size());
    if (!name.starts_with(kWeights) || !name.ends_with(kConfigEnd)) continue;
    if (found != nullptr) {
      return wrong(ErrorKind::kUnsupported, "the archive holds the weights of several models")
          .in_record(record.name)
          .advise("Save each model in a file of its own.");
    }
    found = &record;
  }
  if (found != nullptr) return found;
  return wrong(ErrorKind::kUnsupported,
               "the archive of torch.export holds no weights, but perhaps compiled code")
      .advise("Give a file of torch.export.save, or one of torch.save.");
}

std::size_t Pt2Archive::storage_records() const {
  const std::string folder = concat(prefix_, kWeights);
  const auto all = zip_.records();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const Record& record) {
    return record.name.starts_with(folder) && !record.name.ends_with(kConfigEnd);
  }));
}

const Record* Pt2Archive::storage(std::string_view key, const Record*) const {
  if (key.ends_with(kConfigEnd)) return nullptr;
  return zip_.find(concat(prefix_, kWeights, key));
}

}  // namespace hardload
