#include "loader/cli/verify.h"

#include <algorithm>
#include <span>
#include <utility>

#include "loader/cli/sparse_check.h"
#include "loader/container/identify.h"
#include "loader/container/record_reader.h"
#include "loader/container/safetensors.h"
#include "loader/container/zip_archive.h"
#include "loader/manifest/describe.h"

namespace hardload {
namespace {

bool is_about_reading(const Error& error) {
  return error.kind() == ErrorKind::kIo || error.kind() == ErrorKind::kNotRegular ||
         error.kind() == ErrorKind::kOutOfMemory;
}

// A damaged data.pkl, say, is found among the records and once more when it is described.
bool is_known(const VerifyReport& report, const Error& error) {
  return std::ranges::any_of(report.findings, [&](const Error& finding) {
    return finding.kind() == error.kind() && finding.record() == error.record();
  });
}

// Adds `error` to the findings, or hands it back where it is no finding.
Result<void> add_finding(VerifyReport& report, Error error, std::string_view source) {
  if (is_about_reading(error)) return error;
  report.findings.push_back(std::move(error).in_source(source));
  return {};
}

Result<void> verify_records(const ByteSource& source, std::span<const Record> records,
                            const Limits& limits, VerifyReport& report) {
  report.records = records.size();
  if (auto bounded = check_expansion(source, records, limits); !bounded.ok()) return bounded;
  for (const Record& record : records) {
    if (record.lacks_crc32()) ++report.without_crc;
    if (auto checked = verify_record(source, record, limits); !checked.ok()) {
      HARDLOAD_TRY(add_finding(report, std::move(checked).error(), source.name()));
    }
  }
  return {};
}

// A damaged record of a zip is named even where the pickle is damaged, too.
Result<void> verify_zip(const ByteSource& source, const Limits& limits, VerifyReport& report) {
  HARDLOAD_ASSIGN(const ZipArchive archive, ZipArchive::open(source, limits));
  return verify_records(source, archive.records(), limits, report);
}

Result<void> verify_content(const ByteSource& source, FileKind kind, const Limits& limits,
                            VerifyReport& report) {
  HARDLOAD_ASSIGN(const Manifest manifest, describe(source, {.limits = limits}));
  report.tensors = manifest.named_tensors().size();
  std::uint64_t used = 0;
  for (const StorageSpec& storage : manifest.storages()) {
    report.storage_bytes += storage.bytes;
    if (storage.record != nullptr) ++used;
  }
  report.unreferenced = manifest.container().storage_records() - used;
  report.following = manifest.container().following();
  if (kind != FileKind::kZip) {
    HARDLOAD_TRY(verify_records(source, manifest.container().records(), limits, report));
  }
  return check_sparse_tensors(source, manifest, limits);
}

}  // namespace

Result<VerifyReport> verify(const ByteSource& source, const Limits& limits) {
  VerifyReport report;
  HARDLOAD_ASSIGN(const FileKind kind, identify(source));
  if (kind == FileKind::kZip) {
    if (auto done = verify_zip(source, limits, report); !done.ok()) {
      HARDLOAD_TRY(add_finding(report, std::move(done).error(), source.name()));
      return report;  // without a directory there is nothing more to look at
    }
  }
  auto done = verify_content(source, kind, limits, report);
  if (!done.ok() && !is_known(report, done.error())) {
    HARDLOAD_TRY(add_finding(report, std::move(done).error(), source.name()));
  }
  return report;
}

}  // namespace hardload
