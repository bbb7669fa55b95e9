#include "loader/cli/commands.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/escape.h"
#include "loader/base/limits.h"
#include "loader/base/text.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/diff.h"
#include "loader/cli/diff_json.h"
#include "loader/cli/diff_text.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/size_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"

namespace hardload {
namespace {

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Exit report(const Error& error) {
  complain(error.display() + "\n");
  switch (error.kind()) {
    case ErrorKind::kIo:
    case ErrorKind::kNotRegular:
    case ErrorKind::kOutOfMemory: return kTrouble;
    default: return kRefused;
  }
}

// https://no-color.org: where it is set, to anything.
bool wants_colour() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return ::isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

// "-" is standard input: read at positions where it is a file, else taken whole into memory.
Result<std::unique_ptr<ByteSource>> open_source(const std::string& path, const Limits& limits) {
  if (path != "-") return FileSource::open(path);
  struct stat status;
  if (::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
    return FileSource::adopt(::dup(STDIN_FILENO), "standard input");
  }
  return read_stream(STDIN_FILENO, "standard input", limits);
}

}  // namespace

void complain(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Exit run_inspect(const std::string& path, const InspectFlags& flags) {
  const Limits limits;
  auto source = open_source(path, limits);
  if (!source.ok()) return report(source.error());
  auto manifest = describe(**source, {.limits = limits, .unlisted = flags.unlisted});
  if (!manifest.ok()) return report(manifest.error());
  Digests digests;
  if (flags.with_digests) {
    auto made = digest_tensors(**source, *manifest, limits);
    if (!made.ok()) return report(std::move(made).error().in_source((*source)->name()));
    digests = *std::move(made);
  }
  if (flags.as_json) {
    write_inspect_json(*manifest, digests, print);
  } else {
    write_inspect_text(*manifest, (*source)->name(), digests, wants_colour(), print);
  }
  return kFine;
}

Exit run_verify(const std::string& path) {
  const Limits limits;
  auto source = open_source(path, limits);
  if (!source.ok()) return report(source.error());
  auto verified = verify(**source, limits);
  if (!verified.ok()) return report(std::move(verified).error().in_source((*source)->name()));
  for (const Error& finding : verified->findings) print(finding.display() + "\n");
  if (!verified->findings.empty()) return kRefused;
  std::string line =
      concat(escape_for_display((*source)->name()), ": fine; ", verified->tensors, " tensors, ",
             size_text(verified->storage_bytes), ", ", verified->records, " records");
  if (verified->without_crc != 0) {
    append(line, ", ", verified->without_crc, " of them saved without CRC-32 and not verified");
  }
  if (verified->unreferenced != 0) {
    append(line, ", ", verified->unreferenced, " data records used by no tensor");
  }
  print(line + "\n");
  return kFine;
}

Exit run_diff(const std::string& a, const std::string& b, const DiffFlags& flags) {
  const Limits limits;
  const auto refuse = [](const Error& error) {
    report(error);
    return kTrouble;
  };
  auto source_a = open_source(a, limits);
  if (!source_a.ok()) return refuse(source_a.error());
  auto source_b = open_source(b, limits);
  if (!source_b.ok()) return refuse(source_b.error());
  auto manifest_a = describe(**source_a, {.limits = limits, .unlisted = flags.unlisted});
  if (!manifest_a.ok()) return refuse(manifest_a.error());
  auto manifest_b = describe(**source_b, {.limits = limits, .unlisted = flags.unlisted});
  if (!manifest_b.ok()) return refuse(manifest_b.error());
  const DiffSide side_a{**source_a, *manifest_a}, side_b{**source_b, *manifest_b};
  const DiffOptions options{limits, flags.tolerance};
  const auto found = diff(side_a, side_b, options);
  if (!found.ok()) return refuse(found.error());
  if (flags.as_json) {
    write_diff_json(side_a, side_b, options, *found, print);
  } else {
    write_diff_text(side_a, side_b, *found, print);
  }
  return found->is_same() ? kFine : kDifferent;
}

}  // namespace hardload
