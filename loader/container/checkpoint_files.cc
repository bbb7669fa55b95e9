#include "loader/container/checkpoint_files.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "loader/base/text.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/container/identify.h"

namespace hardload {
namespace {

constexpr std::size_t kNamed = 10;  // files that an error names

std::string_view ending_of(std::string_view choice) {
  return choice.substr(choice.starts_with('*') ? 1 : 0);
}

// The name of the checkpoint in a folder.
Result<std::string> choose(const Folder& folder) {
  // A name, or, behind a star, how it ends; the first that is there counts.
  constexpr std::string_view kChoices[] = {"model.safetensors", "*.safetensors.index.json",
                                           "pytorch_model.bin", "*.bin.index.json", ".metadata"};
  std::vector<std::string_view> endings;
  for (const std::string_view choice : kChoices) endings.push_back(ending_of(choice));
  HARDLOAD_ASSIGN(const auto names, folder.names(endings));
  for (const std::string_view choice : kChoices) {
    std::vector<std::string> found;
    std::copy_if(
        names.begin(), names.end(), std::back_inserter(found), [&](const std::string& name) {
          return choice.starts_with('*') ? name.ends_with(ending_of(choice)) : name == choice;
        });
    if (found.size() == 1) return found[0];
    if (found.empty()) continue;
    std::string list;
    for (std::size_t i = 0; i < std::min(found.size(), kNamed); ++i) {
      append(list, i == 0 ? "'" : ", '", found[i], "'");
    }
    return Error(ErrorKind::kUnsupported, Stage::kContainer,
                 concat("the folder holds ", found.size(), " checkpoints: ", list,
                        found.size() > kNamed ? " and more" : ""))
        .in_source(folder.name())
        .advise("Give the path of the one that is meant.");
  }
  return Error(ErrorKind::kNotRegular, Stage::kContainer,
               "this is a folder that holds no model.safetensors, pytorch_model.bin, an index of "
               "shards (*.safetensors.index.json, *.bin.index.json), nor a .metadata")
      .in_source(folder.name())
      .advise("Give the path of a checkpoint's file.");
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

}  // namespace

Result<CheckpointFiles> CheckpointFiles::open(const std::string& path, const Options& options) {
  CheckpointFiles files;
  files.name = path;
  std::optional<Folder> folder;
  std::shared_ptr<const ByteSource> source;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    HARDLOAD_ASSIGN(folder, Folder::open(path));
    HARDLOAD_ASSIGN(const std::string name, choose(*folder));
    HARDLOAD_ASSIGN(source, folder->open_file(name, options.files));
  } else {
    HARDLOAD_ASSIGN(source,
                    options.files.mapped ? MappedSource::open(path) : FileSource::open(path));
  }
  HARDLOAD_ASSIGN(const FileKind kind, identify(*source));
  if (kind == FileKind::kDistributedMetadata) {
    if (!folder) {
      HARDLOAD_ASSIGN(folder, Folder::open(folder_of(path)));
    }
    files.folder = std::move(folder);
    files.file_options = options.files;
  }
  if (kind != FileKind::kJson) {
    files.sources.push_back(std::move(source));
    return files;
  }
  auto index = if_unchanged(*source, ShardIndex::read(*source, options.limits));
  if (!index.ok()) return std::move(index).error().in_source(source->name());
  if (!folder) {
    HARDLOAD_ASSIGN(folder, Folder::open(folder_of(path)));
  }
  for (const std::string_view file : index->files()) {
    HARDLOAD_ASSIGN(auto shard, folder->open_file(file, options.files));
    files.sources.push_back(std::move(shard));
  }
  files.index = *std::move(index);
  return files;
}

}  // namespace hardload
