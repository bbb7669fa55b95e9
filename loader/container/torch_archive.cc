#include "loader/container/torch_archive.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "loader/base/text.h"
#include "loader/container/record_reader.h"
#include "loader/container/serialization_id.h"

namespace hardload {
namespace {

// The small text records have a handful of bytes; more is refused before it is read.
constexpr std::uint64_t kMaxSmallRecord = 4096;
constexpr std::uint32_t kMinVersion = 1, kMaxVersion = 10;  // caffe2/serialize/versions.h

}  // namespace

Result<TorchArchive> TorchArchive::open(const ByteSource& source, const Limits& limits,
                                        bool verify_crc) {
  HARDLOAD_ASSIGN(ZipArchive zip, ZipArchive::open(source, limits));
  return open(source, std::move(zip), limits, verify_crc);
}

Result<TorchArchive> TorchArchive::open(const ByteSource& source, ZipArchive zip,
                                        const Limits& limits, bool verify_crc) {
  TorchArchive archive;
  archive.zip_ = std::move(zip);
  HARDLOAD_TRY(archive.find_folder());
  HARDLOAD_TRY(archive.check_case());
  archive.is_script_ = archive.find("constants.pkl") != nullptr;
  archive.pickle_ = archive.find("data.pkl");
  if (archive.pickle_ == nullptr && archive.find("model.json") != nullptr) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer,
                 "this is a TorchScript archive of torch 1.0 to 1.3, which keeps its names in "
                 "model.json")
        .advise("Load it with torch.jit.load of a newer torch and save it again.");
  }
  if (archive.pickle_ == nullptr) {
    return Error(ErrorKind::kContainer, Stage::kContainer,
                 concat("the zip file holds no ", archive.prefix_,
                        "data.pkl: it is no checkpoint of torch.save"))
        .advise("Give a file written by torch.save; if this zip holds one, unpack it first.");
  }
  HARDLOAD_TRY(archive.read_version(source, limits, verify_crc));
  HARDLOAD_TRY(archive.read_byte_order(source, limits, verify_crc));
  if (verify_crc) {
    const Record* id = archive.find(".data/serialization_id");
    HARDLOAD_TRY(check_absent_crcs(source, archive.zip_.records(), id, limits));
  }
  return archive;
}

Result<void> TorchArchive::find_folder() {
  if (zip_.find("MAR-INF/MANIFEST.json") != nullptr) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer,
                 "this is a model archive of TorchServe, which holds code")
        .advise("Unpack it and load the checkpoint inside.");
  }
  if (zip_.records().empty()) {
    return Error(ErrorKind::kContainer, Stage::kContainer, "the archive holds no records");
  }
  for (const Record& record : zip_.records()) {
    const auto slash = record.name.find('/');
    if (slash == std::string_view::npos) {
      return Error(ErrorKind::kContainer, Stage::kContainer,
                   "the record is in no folder: this zip file is no checkpoint of torch.save")
          .in_record(record.name)
          .at(record.header_offset)
          .advise("Give a file written by torch.save; if this zip holds one, unpack it first.");
    }
    const std::string_view prefix = record.name.substr(0, slash + 1);
    if (prefix_.empty()) prefix_ = prefix;
    if (prefix != prefix_) {
      return Error(ErrorKind::kContainer, Stage::kContainer,
                   concat("the record is outside of the archive's folder '", prefix_, "'"))
          .in_record(record.name)
          .at(record.header_offset);
    }
  }
  return {};
}

// Torch's reader ignores case: it would take for the byte order what is none here.
Result<void> TorchArchive::check_case() const {
  for (const char* name : {"data.pkl", "constants.pkl", "version", ".data/version", "byteorder",
                           ".data/serialization_id"}) {
    const Record* record = zip_.find_ignoring_case(concat(prefix_, name));
    if (record == nullptr || record->name.substr(prefix_.size()) == name) continue;
    return Error(ErrorKind::kName, Stage::kContainer,
                 concat("the record's name differs from '", name,
                        "' in upper and lower case only: some readers take it for that"))
        .in_record(record->name)
        .at(record->header_offset);
  }
  return {};
}

const Record* TorchArchive::find(std::string_view name) const {
  return zip_.find(concat(prefix_, name));
}

bool TorchArchive::may_be_by_libtorch() const {
  const Record* order = find("byteorder");
  const Record* version = find(".data/version");
  if (version == nullptr) version = find("version");
  return is_script_ || order == nullptr || (version != nullptr && version < order);
}

const Record* TorchArchive::storage(std::string_view key, const Record* previous) const {
  const std::string name = concat(prefix_, "data/", key);
  if (previous != nullptr && previous != &zip_.records().back() && previous[1].name == name) {
    return previous + 1;
  }
  return zip_.find(name);
}

std::size_t TorchArchive::storage_records() const {
  const std::string folder = concat(prefix_, "data/");
  const auto records = zip_.records();
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [&](const Record& record) {
        return record.name.starts_with(folder) && record.name.size() > folder.size();
      }));
}

Result<void> TorchArchive::read_version(const ByteSource& source, const Limits& limits,
                                        bool verify_crc) {
  const Record* record = find(".data/version");
  if (record == nullptr) record = find("version");
  if (record == nullptr) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer,
                 "the archive does not say its format version");
  }
  HARDLOAD_ASSIGN(const Buffer content,
                  read_record(source, *record, {limits, kMaxSmallRecord, verify_crc}));
  const std::string_view text = content.text();
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, version_);
  const bool number = fault == std::errc() && (stop == end || (*stop == '\n' && stop + 1 == end));
  if (!number || version_ < kMinVersion || version_ > kMaxVersion) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer,
                 concat("the archive's format version is '", text.substr(0, 40), "'; versions ",
                        kMinVersion, " to ", kMaxVersion, " are known"))
        .in_record(record->name)
        .advise("If a newer torch wrote the file, save it again with torch 2.11.");
  }
  return {};
}

Result<void> TorchArchive::read_byte_order(const ByteSource& source, const Limits& limits,
                                           bool verify_crc) {
  const Record* record = find("byteorder");
  if (record == nullptr) return {};  // before torch 2.1: little
  HARDLOAD_ASSIGN(const Buffer content,
                  read_record(source, *record, {limits, kMaxSmallRecord, verify_crc}));
  if (content.text() == "little") {
    byte_order_ = ByteOrder::kLittle;
  } else if (content.text() == "big") {
    byte_order_ = ByteOrder::kBig;
  } else {
    return Error(ErrorKind::kByteOrder, Stage::kContainer,
                 concat("the byte order is '", content.text().substr(0, 40),
                        "', neither little nor big"))
        .in_record(record->name);
  }
  return {};
}

}  // namespace hardload
