// The benchmark program. bench.py runs it and makes the report.
//
//   suite [--scale=X] [--repetitions=N] FULL.PTH DIGESTS.JSON [--benchmark_...]
//
// Writes its files to a folder of its own, removes them at the end, and says on stderr what it is
// doing.

#include <cstdio>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/cases.h"
#include "loader/base/version.h"

namespace hardload::bench {
namespace {

// One line on stderr for each sample; of a row that is skipped, one in all.
class Progress final : public benchmark::BenchmarkReporter {
 public:
  explicit Progress(int samples) : samples_(samples) {}

  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      ++done_;
      const std::string& row = run.run_name.function_name;
      if (!run.error_occurred) {
        say(row, std::to_string(run.GetAdjustedRealTime()) + " ms");
      } else if (skipped_.insert(row).second) {
        say(row, run.error_message);
        failed_ = failed_ || !run.error_message.starts_with("skipped: ");
      }
    }
  }

  // Whether a row failed or gave a wrong answer.
  bool failed() const { return failed_; }

 private:
  void say(const std::string& row, const std::string& what) const {
    std::fprintf(stderr, "[%d/%d] %s: %s\n", done_, samples_, row.c_str(), what.c_str());
  }

  int samples_, done_ = 0;
  std::set<std::string> skipped_;
  bool failed_ = false;
};

// A folder that is removed with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hardload-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for files: " + name);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int run(int argc, char** argv) {
  Setup setup{.folder = {},
              .real_file = {},
              .real_digests = {},
              .repetitions = 9,
              .scale = 1,
              .peers = all_peers()};
  std::vector<char*> others = {argv[0]};
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--scale=")) {
      setup.scale = std::stod(argument.substr(8));
    } else if (argument.starts_with("--repetitions=")) {
      setup.repetitions = std::stoi(argument.substr(14));
    } else if (argument.starts_with("--")) {
      others.push_back(argv[i]);
    } else {
      files.push_back(argument);
    }
  }
  if (files.size() != 2) {
    std::fprintf(stderr, "usage: suite [--scale=X] [--repetitions=N] FULL.PTH DIGESTS.JSON\n");
    return 2;
  }
  setup.real_file = files[0];
  setup.real_digests = files[1];

  // Samples of different rows take turns, so that a slow minute of the machine hits all of them.
  char interleaving[] = "--benchmark_enable_random_interleaving=true";
  others.push_back(interleaving);
  int other_count = static_cast<int>(others.size());
  benchmark::Initialize(&other_count, others.data());
  if (benchmark::ReportUnrecognizedArguments(other_count, others.data())) return 2;
  benchmark::AddCustomContext("hardload", std::string(kVersion));

  const ScratchFolder folder;
  setup.folder = folder.path();
  std::fprintf(stderr, "writing test files to %s\n", folder.path().c_str());
  register_load(setup);
  register_map_location(setup);
  register_large_model(setup);
  register_open(setup);
  std::fprintf(stderr, "measuring\n");
  Progress progress(registered_samples());
  benchmark::RunSpecifiedBenchmarks(&progress);
  return progress.failed() ? 1 : 0;
}

}  // namespace
}  // namespace hardload::bench

int main(int argc, char** argv) try {
  return hardload::bench::run(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "suite: %s\n", error.what());
  return 1;
}
