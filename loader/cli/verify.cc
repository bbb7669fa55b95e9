#include "loader/cli/verify.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/cli/sparse_check.h"
#include "loader/container/identify.h"
#include "loader/container/record_reader.h"
#include "loader/container/safetensors.h"
#include "loader/container/zip_archive.h"
#include "loader/manifest/describe_files.h"

namespace hardload {
namespace {

bool is_about_reading(const Error& error) {
  return error.kind() == ErrorKind::kIo || error.kind() == ErrorKind::kNotRegular ||
         error.kind() == ErrorKind::kOutOfMemory;
}

// A damaged data.pkl, say, is found among the records and once more when it is described.
bool is_known(const VerifyReport& report, const Error& error) {
  return std::ranges::any_of(report.findings, [&](const Error& finding) {
    return finding.kind() == error.kind() && finding.record() == error.record() &&
           (error.source().empty() || finding.source() == error.source());
  });
}

// Adds `error` to the findings, or hands it back where it is no finding.
Result<void> add_finding(VerifyReport& report, Error error, std::string_view source) {
  if (is_about_reading(error)) return error;
  if (error.source().empty()) error = std::move(error).in_source(source);
  report.findings.push_back(std::move(error));
  return {};
}

Result<void> verify_records(const ByteSource& source, std::span<const Record> records,
                            const Limits& limits, VerifyReport& report) {
  report.records += records.size();
  if (auto bounded = check_expansion(source, records, limits); !bounded.ok()) {
    return bounded;
  }
  for (const Record& record : records) {
    if (record.lacks_crc32()) ++report.without_crc;
    if (auto checked = verify_record(source, record, limits); !checked.ok()) {
      HARDLOAD_TRY(add_finding(report, std::move(checked).error(), source.name()));
    }
  }
  return {};
}

// A damaged record is named even where the pickle is damaged, too. Whether the source is of a kind
// whose records are known before it is described; of others they are verified then.
Result<bool> verify_records(const ByteSource& source, FileKind kind, const Limits& limits,
                            VerifyReport& report) {
  if (kind == FileKind::kZip) {
    HARDLOAD_ASSIGN(const ZipArchive archive, ZipArchive::open(source, limits));
    HARDLOAD_TRY(verify_records(source, archive.records(), limits, report));
    return true;
  }
  if (kind == FileKind::kSafetensors) {
    HARDLOAD_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(source, limits));
    HARDLOAD_TRY(verify_records(source, file.records(), limits, report));
    return true;
  }
  return false;
}

Result<void> verify_content(const ByteSource& source, const Manifest& manifest,
                            const Limits& limits, VerifyReport& report) {
  report.tensors = manifest.named_tensors().size();
  std::uint64_t used = 0;
  for (const StorageSpec& storage : manifest.storages()) {
    report.storage_bytes += storage.bytes;
    if (storage.record != nullptr) ++used;
  }
  report.unreferenced = manifest.container().storage_records() - used;
  report.following = manifest.container().following();
  return check_sparse_tensors(source, manifest, limits);
}

Result<void> verify_content(CheckpointFiles files, bool are_verified, const Limits& limits,
                            VerifyReport& report) {
  std::uint64_t file_bytes = 0;
  for (const auto& source : files.sources) file_bytes += source->size();
  // As text, which is all that is known of it. Some writers count in floating point.
  std::string total;
  if (files.index) total = files.index->total_size();
  HARDLOAD_ASSIGN(const Described described, describe_files(std::move(files), {.limits = limits}));
  const Manifest& manifest = described.manifest;
  if (!are_verified) {
    HARDLOAD_TRY(verify_records(*described.source, manifest.container().records(), limits, report));
  }
  HARDLOAD_TRY(verify_content(*described.source, manifest, limits, report));
  std::uint64_t tensor_bytes = 0;
  for (const NamedTensor& named : manifest.named_tensors()) {
    tensor_bytes += manifest.nbytes(manifest.tensors()[named.tensor]);
  }
  const auto is_total = [&](std::uint64_t bytes) {
    return total == concat(bytes) || total == concat(bytes, ".0");
  };
  if (!is_total(tensor_bytes) && !is_total(report.storage_bytes) && !is_total(file_bytes)) {
    report.wrong_total_size = total.substr(0, 40);
  }
  return {};
}

Result<VerifyReport> verify_files(CheckpointFiles files, const Limits& limits) {
  VerifyReport report;
  bool has_all = true, are_verified = true;
  for (const auto& source : files.sources) {
    HARDLOAD_ASSIGN(const FileKind kind, identify(*source));
    auto done = verify_records(*source, kind, limits, report);
    if (done.ok()) {
      are_verified = are_verified && *done;
    } else {
      HARDLOAD_TRY(add_finding(report, std::move(done).error(), source->name()));
      has_all = false;
    }
  }
  if (!has_all) return report;  // without a directory there is nothing more to look at
  const std::string name = files.name;
  auto done = verify_content(std::move(files), are_verified, limits, report);
  if (!done.ok() && !is_known(report, done.error())) {
    HARDLOAD_TRY(add_finding(report, std::move(done).error(), name));
  }
  return report;
}

}  // namespace

Result<VerifyReport> verify(const ByteSource& source, const Limits& limits) {
  // Borrows the source.
  return verify(CheckpointFiles{std::string(source.name()),
                                std::nullopt,
                                {std::shared_ptr<const ByteSource>(
                                    std::shared_ptr<const ByteSource>(), &source)}},
                limits);
}

Result<VerifyReport> verify(CheckpointFiles files, const Limits& limits) {
  const auto sources = files.sources;
  auto report = verify_files(std::move(files), limits);
  for (const auto& source : sources) report = if_unchanged(*source, std::move(report));
  return report;
}

}  // namespace hardload
