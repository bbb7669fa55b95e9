// hardload: the command line. Data goes to stdout, messages to stderr; names from files are
// escaped.
//
// Exit status: 0 fine; 1 the file is refused, or there is a finding; 2 the file cannot be read, the
// output cannot be written, or the command line is wrong.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/escape.h"
#include "loader/base/limits.h"
#include "loader/base/text.h"
#include "loader/base/version.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/convert_command.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/size_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"

namespace hardload {
namespace {

enum Exit : int { kFine = 0, kRefused = 1, kTrouble = 2 };

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void complain(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

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

// "-" is standard input: read at positions where it is a file, else taken whole into memory.
Result<std::unique_ptr<ByteSource>> open_source(const std::string& path, const Limits& limits) {
  if (path != "-") return FileSource::open(path);
  struct stat status;
  if (::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
    return FileSource::adopt(::dup(STDIN_FILENO), "standard input");
  }
  return read_stream(STDIN_FILENO, "standard input", limits);
}

Exit run_inspect(const std::string& path, bool as_json, bool with_digests, Unlisted unlisted) {
  const Limits limits;
  auto source = open_source(path, limits);
  if (!source.ok()) return report(source.error());
  auto manifest = describe(**source, {.limits = limits, .unlisted = unlisted});
  if (!manifest.ok()) return report(manifest.error());
  Digests digests;
  if (with_digests) {
    auto made = digest_tensors(**source, *manifest, limits);
    if (!made.ok()) return report(std::move(made).error().in_source((*source)->name()));
    digests = *std::move(made);
  }
  if (as_json) {
    write_inspect_json(*manifest, digests, print);
  } else {
    write_inspect_text(*manifest, (*source)->name(), digests, print);
  }
  return kFine;
}

Exit run_convert(const ConvertCommand& command) {
  const auto done = command.run();
  return done.ok() ? kFine : report(done.error());
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

// A common mistake: torch.load's argument is called otherwise.
bool names_a_device(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](std::string_view argument) {
    return argument == "--device" || argument.starts_with("--device=");
  });
}

int run(int argc, char** argv) {
  CLI::App app(
      "Lists, checks and converts PyTorch checkpoints (torch.save, safetensors) without running "
      "anything in them.",
      "hardload");
  app.set_version_flag("--version", concat("hardload ", kVersion));
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 fine; 1 refused, or a finding; 2 cannot be read or written, or wrong usage.");
  std::string file;
  std::string format = "text";
  bool digest = false;
  std::string unlisted = "refuse";
  CLI::App* inspect =
      app.add_subcommand("inspect", "Lists the tensors; as JSON, all other values too");
  inspect->add_option("FILE", file, "A checkpoint; - for standard input")->required();
  inspect->add_option("--format", format, "json follows loader/cli/inspect.schema.json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  inspect->add_flag("--digest", digest,
                    "Adds the SHA-256 of each tensor; reads and verifies their data");
  inspect
      ->add_option(
          "--unlisted", unlisted,
          "Names in the file that are not plain data: keep shows what would have been made "
          "of them; they are never looked up or called")
      ->check(CLI::IsMember({"refuse", "keep"}))
      ->capture_default_str();
  CLI::App* check = app.add_subcommand(
      "verify", "Checks structure, tensors and every CRC-32; prints one line per finding");
  check->add_option("FILE", file, "A checkpoint; - for standard input")->required();

  const ConvertCommand convert(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const bool is_help = problem.get_exit_code() == 0;
    app.exit(problem);
    if (!is_help) {
      complain("Usage: hardload inspect FILE, hardload verify FILE, or hardload convert IN OUT\n");
    }
    if (names_a_device(argc, argv)) {
      complain(
          "There is no --device here, nor has torch.load such an argument. In C++ it is "
          "LoadOptions::map_location, in Python map_location (--map-location, as other tools spell "
          "it); inspect and verify work the same wherever tensors will go.\n");
    }
    return is_help ? kFine : kTrouble;
  }
  const Exit exit = inspect->parsed()     ? run_inspect(file, format == "json", digest,
                                                    unlisted == "keep" ? Unlisted::kKeepAsData
                                                                           : Unlisted::kRefuse)
                    : convert.is_chosen() ? run_convert(convert)
                                          : run_verify(file);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    complain("hardload: the output could not be written\n");
    return kTrouble;
  }
  return exit;
}

}  // namespace
}  // namespace hardload

int main(int argc, char** argv) try {
  // Large blocks that one stage gives back serve the next, instead of fresh pages from the system.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  // `bazel run` starts programs among their data files, and says here where the user is.
  if (const char* folder = std::getenv("BUILD_WORKING_DIRECTORY")) (void)!::chdir(folder);
  return hardload::run(argc, argv);
} catch (const std::exception& error) {
  // Memory ran out, or the option parser failed: the library itself does not throw.
  std::fprintf(stderr, "hardload: %s\n", error.what());
  return hardload::kTrouble;
}
