#include "loader/cli/convert_command.h"

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/cli/convert.h"
#include "loader/cli/losses.h"
#include "loader/cli/progress_bar.h"
#include "loader/cli/shards.h"
#include "loader/cli/size_text.h"
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe_files.h"

namespace hardload {
namespace {

volatile std::sig_atomic_t is_stopped = 0;

void stop(int) { is_stopped = 1; }

// While it lives, Ctrl-C, a polite kill and the end of the terminal set is_stopped, unless they
// were ignored before; a file that grows over the limit for files is an error of writing.
class SignalGuard {
 public:
  SignalGuard() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      before_[i] = std::signal(kSignals[i], stop);
      if (before_[i] == SIG_IGN) std::signal(kSignals[i], SIG_IGN);
    }
    size_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
  ~SignalGuard() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i) std::signal(kSignals[i], before_[i]);
    std::signal(SIGXFSZ, size_);
  }

 private:
  using Handler = void (*)(int);
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  Handler before_[std::size(kSignals)];
  Handler size_;
};

Result<Format> format_of(std::string_view to, std::string_view path) {
  if (to == "torch") return Format::kTorchZip;
  if (to == "safetensors") return Format::kSafetensors;
  if (path.ends_with(".safetensors")) return Format::kSafetensors;
  for (const std::string_view extension : {".pt", ".pth", ".bin", ".ckpt"}) {
    if (path.ends_with(extension)) return Format::kTorchZip;
  }
  return Error(ErrorKind::kUnsupported, Stage::kCli, "the name does not tell the format to write")
      .in_source(path)
      .advise("Give a name that ends in .safetensors, .pt, .pth, .bin or .ckpt, or --to.");
}

}  // namespace

ConvertCommand::ConvertCommand(CLI::App& app)
    : command_(app.add_subcommand(
          "convert", "Writes a checkpoint as safetensors or by the rules of torch.save")) {
  command_->add_option("IN", in_, "A checkpoint, an index of shards, or a folder")->required();
  command_->add_option("OUT", out_, "The new file; its name tells the format")->required();
  command_->add_option("--to", to_, "The format, whatever the name")
      ->check(CLI::IsMember({"torch", "safetensors"}));
  command_->add_option("--max-shard-size", max_shard_size_,
                       "Splits safetensors into files of at most so much, like 5GB, and an index");
  command_->add_flag("--allow-loss", allow_loss_,
                     "Drops what the format cannot hold, instead of naming it and stopping");
  command_->add_flag("--overwrite", overwrite_, "Replaces files that are there");
}

bool ConvertCommand::is_chosen() const { return command_->parsed(); }

Result<void> ConvertCommand::check() const {
  const auto wrong = [](std::string problem, std::string_view advice) {
    return Error(ErrorKind::kUnsupported, Stage::kCli, std::move(problem)).advise(advice);
  };
  for (const std::string& path : {in_, out_}) {
    if (path == "-") {
      return wrong("convert reads and writes files, not standard input and output",
                   "Give the names of files.");
    }
  }
  HARDLOAD_ASSIGN(const Format to, format_of(to_, out_));
  if (command_->count("--max-shard-size") == 0) return {};
  HARDLOAD_TRY(parse_shard_size(max_shard_size_));
  if (to == Format::kSafetensors) return {};
  return wrong("shards are made of safetensors only", "Leave --max-shard-size out.");
}

Result<void> ConvertCommand::run() const {
  ConvertOptions options;
  options.allow_loss = allow_loss_;
  options.overwrite = overwrite_;
  HARDLOAD_ASSIGN(options.to, format_of(to_, out_));
  if (!max_shard_size_.empty()) {
    HARDLOAD_ASSIGN(options.max_shard_bytes, parse_shard_size(max_shard_size_));
  }
  HARDLOAD_ASSIGN(CheckpointFiles files,
                  CheckpointFiles::open(in_, {.limits = options.limits, .files = {}}));
  HARDLOAD_ASSIGN(const Described described,
                  describe_files(std::move(files), {.limits = options.limits}));
  const Manifest& manifest = described.manifest;
  if (allow_loss_) {
    for (const Loss& loss : find_losses(manifest, options.to)) {
      if (loss.is_final()) continue;
      std::fprintf(stderr, "lost: %s\n", escape_for_display(loss_text(loss)).c_str());
    }
  }
  const SignalGuard guard;
  ProgressBar bar(::isatty(STDERR_FILENO) == 1);
  options.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
    return is_stopped == 0;
  };
  HARDLOAD_ASSIGN(const Converted converted, convert(*described.source, manifest, out_, options));
  std::printf("%s: %s, %s", escape_for_display(converted.paths.back()).c_str(),
              counted(manifest.named_tensors().size(), "tensor").c_str(),
              size_text(converted.bytes).c_str());
  if (converted.paths.size() > 1) {
    std::printf(", %s", counted(converted.paths.size() - 1, "shard").c_str());
  }
  std::printf("\n");
  return {};
}

}  // namespace hardload
