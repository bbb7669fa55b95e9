#include "loader/cli/commands.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
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
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe_files.h"

namespace hardload {
namespace {

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Exit report(const Error& error) {
  complain(error.display() + "\n");
  switch (error.kind()) {
    case ErrorKind::kIo:
    case ErrorKind::kCancelled:
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

// Says which file it is about, unless the error says so.
Error within(Error error, std::string_view name) {
  return error.source().empty() ? std::move(error).in_source(name) : error;
}

// "-" is standard input: read at positions where it is a file, else taken whole into memory.
Result<CheckpointFiles> open_files(const std::string& path, bool follow_links,
                                   const Limits& limits) {
  if (path != "-") {
    return CheckpointFiles::open(path, {.limits = limits, .files = {.follow_links = follow_links}});
  }
  const std::string name = "standard input";
  struct stat status;
  const bool is_file = ::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  HARDLOAD_ASSIGN(auto source, is_file ? FileSource::adopt(::dup(STDIN_FILENO), name)
                                       : read_stream(STDIN_FILENO, name, limits));
  CheckpointFiles files{name, std::nullopt, {}};
  files.sources.push_back(std::move(source));
  return files;
}

// The checkpoint at `path`, described.
Result<Described> open_described(const std::string& path, bool follow_links, Unlisted unlisted,
                                 const Limits& limits) {
  HARDLOAD_ASSIGN(CheckpointFiles files, open_files(path, follow_links, limits));
  return describe_files(std::move(files), {.limits = limits, .unlisted = unlisted});
}

}  // namespace

void complain(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Exit run_inspect(const std::string& path, const InspectFlags& flags) {
  const Limits limits;
  const auto described = open_described(path, flags.follow_links, flags.unlisted, limits);
  if (!described.ok()) return report(described.error());
  const std::string_view name = described->source->name();
  Digests digests;
  if (flags.with_digests) {
    auto made = digest_tensors(*described->source, described->manifest, limits);
    if (!made.ok()) return report(within(std::move(made).error(), name));
    digests = *std::move(made);
  }
  if (flags.as_json) {
    write_inspect_json(described->manifest, digests, print);
  } else {
    write_inspect_text(described->manifest, name, digests, wants_colour(), print);
  }
  return kFine;
}

Exit run_verify(const std::string& path, bool follow_links) {
  const Limits limits;
  auto files = open_files(path, follow_links, limits);
  if (!files.ok()) return report(files.error());
  const std::string name = files->name;
  auto verified = verify(*std::move(files), limits);
  if (!verified.ok()) return report(within(std::move(verified).error(), name));
  for (const Error& finding : verified->findings) print(finding.display() + "\n");
  if (!verified->findings.empty()) return kRefused;
  std::string line =
      concat(escape_for_display(name), ": fine; ", counted(verified->tensors, "tensor"), ", ",
             size_text(verified->storage_bytes), ", ", counted(verified->records, "record"));
  if (verified->without_crc != 0) {
    append(line, ", ", verified->without_crc, " of them saved without CRC-32 and not verified");
  }
  if (verified->unreferenced != 0) {
    append(line, ", ", verified->unreferenced, " data records used by no tensor");
  }
  if (verified->following != 0) {
    append(line, "; ", verified->following, " bytes of another checkpoint follow, not verified");
  }
  if (!verified->wrong_total_size.empty()) {
    append(line, ", though the index says total_size ",
           escape_for_display(verified->wrong_total_size));
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
  const auto described_a = open_described(a, flags.follow_links, flags.unlisted, limits);
  if (!described_a.ok()) return refuse(described_a.error());
  const auto described_b = open_described(b, flags.follow_links, flags.unlisted, limits);
  if (!described_b.ok()) return refuse(described_b.error());
  const DiffSide side_a{*described_a->source, described_a->manifest};
  const DiffSide side_b{*described_b->source, described_b->manifest};
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

Exit run_convert(const ConvertCommand& command) {
  if (const auto right = command.check(); !right.ok()) {
    complain(right.error().display() + "\n");
    return kTrouble;
  }
  const auto done = command.run();
  return done.ok() ? kFine : report(done.error());
}

}  // namespace hardload
