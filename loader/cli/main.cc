// hardload: the command line.
//
// Exit status: 0 fine, or the same; 1 the file is refused, there is a finding, or the files differ;
// 2 a file cannot be read, or (diff) is refused; the output cannot be written; or the command line
// is wrong.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <unistd.h>

#include "loader/base/text.h"
#include "loader/base/version.h"
#include "loader/cli/commands.h"
#include "loader/cli/convert_command.h"

namespace hardload {
namespace {

// A common mistake: torch.load's argument is called otherwise.
bool names_a_device(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](std::string_view argument) {
    return argument == "--device" || argument.starts_with("--device=");
  });
}

int run(int argc, char** argv) {
  CLI::App app(
      "Lists, checks, compares and converts PyTorch checkpoints (torch.save, safetensors) without "
      "running anything in them.",
      "hardload");
  app.set_version_flag("--version", concat("hardload ", kVersion));
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 fine, or the same; 1 refused, a finding, or a difference; 2 cannot be read "
      "or "
      "written, diff of a file that is refused, or wrong usage.");
  std::string file, other;
  std::string format = "text";
  std::string unlisted = "refuse";
  bool digest = false, strict = false;
  std::optional<double> rtol, atol;
  const auto add_file = [](CLI::App* command, const char* name, std::string& path) {
    command
        ->add_option(name, path,
                     "A checkpoint, an index of shards, or a folder that holds either; - for "
                     "standard input")
        ->required();
  };
  const auto add_format = [&](CLI::App* command, const char* schema) {
    command->add_option("--format", format, concat("json follows loader/cli/", schema))
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
  };
  const auto add_unlisted = [&](CLI::App* command) {
    command
        ->add_option("--unlisted", unlisted,
                     "Names in the file that are not plain data: keep shows what would have been "
                     "made of them; they are never looked up or called")
        ->check(CLI::IsMember({"refuse", "keep"}))
        ->capture_default_str();
  };

  CLI::App* inspect =
      app.add_subcommand("inspect", "Lists the tensors; as JSON, all other values too");
  add_file(inspect, "FILE", file);
  add_format(inspect, "inspect.schema.json");
  inspect->add_flag("--digest", digest,
                    "Adds the SHA-256 of each tensor; reads and verifies their data");
  add_unlisted(inspect);

  CLI::App* check = app.add_subcommand(
      "verify", "Checks structure, tensors and every CRC-32; prints one line per finding");
  add_file(check, "FILE", file);

  CLI::App* compare = app.add_subcommand(
      "diff",
      "Compares names, dtypes, shapes and values of two files; reads and verifies all data");
  add_file(compare, "A", file);
  add_file(compare, "B", other);
  compare->add_option(
      "--rtol", rtol,
      "Floating-point elements are the same where |a - b| <= ATOL + RTOL * |b|, and "
      "NaN is NaN; without --rtol and --atol, where their bits are");
  compare->add_option("--atol", atol,
                      "The absolute part of it; each is 0 where the other is given");
  add_format(compare, "diff.schema.json");
  add_unlisted(compare);
  for (CLI::App* command : {inspect, check, compare}) {
    command->add_flag("--strict", strict, "Follows no link in the folder of a sharded checkpoint");
  }

  const ConvertCommand convert(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const bool is_help = problem.get_exit_code() == 0;
    app.exit(problem);
    if (!is_help) {
      complain(
          "Usage: hardload inspect FILE, hardload verify FILE, hardload diff A B, or hardload "
          "convert IN OUT\n");
    }
    if (names_a_device(argc, argv)) {
      complain(
          "There is no --device here, nor has torch.load such an argument. In C++ it is "
          "LoadOptions::map_location, in Python map_location (--map-location, as other tools spell "
          "it); the commands work the same wherever tensors will go.\n");
    }
    return is_help ? kFine : kTrouble;
  }
  const auto is_wrong = [](std::optional<double> tolerance) {
    return tolerance && !(*tolerance >= 0 && std::isfinite(*tolerance));
  };
  if (is_wrong(rtol) || is_wrong(atol)) {
    complain("--rtol and --atol are finite numbers from 0\n");
    return kTrouble;
  }
  if (compare->parsed() && file == "-" && other == "-") {
    complain("Standard input can be one of the two files, not both\n");
    return kTrouble;
  }
  const bool as_json = format == "json";
  const Unlisted names = unlisted == "keep" ? Unlisted::kKeepAsData : Unlisted::kRefuse;
  std::optional<Tolerance> tolerance;
  if (rtol || atol) tolerance = {.relative = rtol.value_or(0), .absolute = atol.value_or(0)};
  const Exit exit = convert.is_chosen() ? run_convert(convert)
                    : inspect->parsed() ? run_inspect(file, {as_json, digest, !strict, names})
                    : check->parsed()   ? run_verify(file, !strict)
                                      : run_diff(file, other, {as_json, !strict, tolerance, names});
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
