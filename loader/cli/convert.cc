#include "loader/cli/convert.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/bytes/byte_sink.h"
#include "loader/bytes/file_writer.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/cli/losses.h"
#include "loader/cli/rewrite.h"
#include "loader/cli/shards.h"
#include "loader/cli/storage_reader.h"
#include "loader/container/record_reader.h"
#include "loader/container/zip_writer.h"
#include "loader/manifest/manifest_pickler.h"

namespace hardload {
namespace {

// Counts what goes through, and lets the caller stop it.
class CountingSink final : public ByteSink {
 public:
  CountingSink(const ConvertOptions& options, std::uint64_t total)
      : options_(options), total_(total) {}

  void begin(ByteSink& target) { target_ = &target; }
  std::uint64_t bytes() const { return bytes_; }

  Result<void> write(std::span<const std::byte> bytes) override {
    HARDLOAD_TRY(target_->write(bytes));
    bytes_ += bytes.size();
    if (!options_.progress || options_.progress(std::min(bytes_, total_), total_)) return {};
    return Error(ErrorKind::kCancelled, Stage::kCli, "stopped; no file was written");
  }

 private:
  const ConvertOptions& options_;
  const std::uint64_t total_;
  ByteSink* target_ = nullptr;
  std::uint64_t bytes_ = 0;
};

// One message for all that would be lost.
Result<void> check_losses(const Manifest& manifest, const ConvertOptions& options) {
  const std::vector<Loss> losses = find_losses(manifest, options.to);
  std::string lines;
  std::string_view how_to;
  for (const Loss& loss : losses) {
    if (options.allow_loss && !loss.is_final()) continue;
    append(lines, "\n  ", loss_text(loss));
    if (loss.is_final() && how_to.empty()) how_to = loss.how_to;
  }
  if (lines.empty()) return {};
  const std::string_view head = how_to.empty() ? "the new file would not hold all of this one:"
                                               : "the new file cannot hold all of this one:";
  std::string safe(head);
  for (std::size_t at = 0; at < lines.size();) {  // each line begins with a line break
    const std::size_t end = std::min(lines.find("\n  ", at + 1), lines.size());
    append(safe, "\n", escape_for_display(std::string_view(lines).substr(at + 1, end - at - 1)));
    at = end;
  }
  return Error(ErrorKind::kUnsupported, Stage::kCli, concat(head, lines))
      .show_as(std::move(safe))
      .advise(how_to.empty() ? "Give --allow-loss to convert it without these." : how_to);
}

Result<void> check_targets(const std::vector<std::string>& paths, const ConvertOptions& options) {
  struct stat status;
  for (const std::string& path : paths) {
    if (options.overwrite || ::lstat(path.c_str(), &status) != 0) continue;
    return Error(ErrorKind::kIo, Stage::kCli, "there is a file of this name already")
        .in_source(path)
        .advise("Give another name, or --overwrite to replace it.");
  }
  return {};
}

Result<FileWriter> open_file(const std::string& path, const ConvertOptions& options) {
  return FileWriter::open(path, {.replace_link = false, .sync = options.sync});
}

Result<Converted> to_torch(const ByteSource& source, const Manifest& manifest,
                           const std::string& path, const ConvertOptions& options) {
  HARDLOAD_TRY(check_targets({path}, options));
  HARDLOAD_ASSIGN(const PickledManifest made, pickle_manifest(manifest, options.limits));
  std::uint64_t total = made.pickle.size();
  for (const std::uint32_t storage : made.storages) total += manifest.storages()[storage].bytes;
  HARDLOAD_ASSIGN(FileWriter file, open_file(path, options));
  CountingSink sink(options, total);
  sink.begin(file);
  StorageReader reader(source, manifest, options.limits);
  HARDLOAD_TRY(rewrite_as_torch(reader, made, archive_folder(path), sink));
  HARDLOAD_TRY(source.check_unchanged());
  Converted result{{path}, sink.bytes()};  // once there is a new file, nothing can fail
  HARDLOAD_TRY(file.commit());
  return result;
}

Result<Converted> to_safetensors(const ByteSource& source, const Manifest& manifest,
                                 const std::string& path, const ConvertOptions& options) {
  const std::vector<FlatTensor> tensors = flat_tensors(manifest);
  HARDLOAD_TRY(check_flat_size(source, tensors, options.limits));
  const std::vector<Shard> shards =
      split_into_shards(tensors, options.max_shard_bytes.value_or(~std::uint64_t{0}));
  Converted result;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    result.paths.push_back(shard_path(path, i, shards.size()));
  }
  if (shards.size() > 1) result.paths.push_back(path + ".index.json");
  HARDLOAD_TRY(check_targets(result.paths, options));

  // Of safetensors its own texts; transformers asks for this one.
  constexpr MetadataEntry kOfTorch[] = {{"format", "pt"}};
  const bool is_torch = manifest.container().format() != Format::kSafetensors;
  const std::span<const MetadataEntry> metadata =
      is_torch ? std::span<const MetadataEntry>(kOfTorch) : manifest.container().metadata();
  std::uint64_t total = 0;
  for (const FlatTensor& tensor : tensors) total += tensor.bytes;
  CountingSink sink(options, total);
  StorageReader reader(source, manifest, options.limits);
  std::vector<FileWriter> files;
  files.reserve(result.paths.size());
  for (std::size_t i = 0; i < result.paths.size(); ++i) {
    HARDLOAD_ASSIGN(FileWriter file, open_file(result.paths[i], options));
    files.push_back(std::move(file));
    sink.begin(files.back());
    if (i < shards.size()) {
      HARDLOAD_TRY(rewrite_as_safetensors(reader, shards[i], metadata, sink));
    } else {
      const std::string index = shard_index(path, shards);
      HARDLOAD_TRY(sink.write(std::as_bytes(std::span(index))));
    }
  }
  HARDLOAD_TRY(source.check_unchanged());
  for (FileWriter& file : files) HARDLOAD_TRY(file.commit());
  result.bytes = sink.bytes();
  return result;
}

}  // namespace

Result<Converted> convert(const ByteSource& source, const Manifest& manifest,
                          const std::string& path, const ConvertOptions& options) {
  const auto run = [&]() -> Result<Converted> {
    if (options.max_shard_bytes && options.to != Format::kSafetensors) {
      return Error(ErrorKind::kUnsupported, Stage::kCli, "shards are made of safetensors only")
          .advise("Leave --max-shard-size out, or convert to safetensors.");
    }
    HARDLOAD_TRY(check_losses(manifest, options));
    HARDLOAD_TRY(check_expansion(source, manifest.container().records(), options.limits));
    return options.to == Format::kTorchZip ? to_torch(source, manifest, path, options)
                                           : to_safetensors(source, manifest, path, options);
  };
  auto done = run();
  if (!done.ok()) done = if_unchanged(source, std::move(done));
  if (done.ok() || !done.error().source().empty()) return done;
  return std::move(done).error().in_source(source.name());
}

}  // namespace hardload
