#include "loader/manifest/describe_files.h"

#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/bytes/joined_source.h"
#include "loader/manifest/distributed_metadata.h"
#include "loader/manifest/join_shards.h"
#include "loader/manifest/join_slices.h"

namespace hardload {
namespace {

Result<Described> describe_shards(CheckpointFiles files, const DescribeOptions& options) {
  std::vector<Manifest> shards;
  for (const auto& source : files.sources) {
    HARDLOAD_ASSIGN(Manifest shard, describe(*source, options));
    HARDLOAD_TRY(check_shard(*files.index, shards.size(), shard, source->name()));
    shards.push_back(std::move(shard));
  }
  HARDLOAD_ASSIGN(auto joined, JoinedSource::make(files.name, std::move(files.sources)));
  HARDLOAD_ASSIGN(Manifest manifest, join_shards(*files.index, std::move(shards), *joined));
  return Described{std::move(joined), std::move(manifest)};
}

Result<Described> describe_distributed(const CheckpointFiles& files,
                                       const DescribeOptions& options) {
  const ByteSource& source = *files.sources.front();
  auto metadata = DistributedMetadata::read(source, options.limits, options.unlisted);
  if (!metadata.ok()) return std::move(metadata).error().in_source(source.name());
  std::vector<std::shared_ptr<const ByteSource>> opened;
  for (const std::string_view name : metadata->files()) {
    HARDLOAD_ASSIGN(auto file, files.folder->open_file(name, files.file_options));
    opened.push_back(std::move(file));
  }
  return join_slices(*metadata, files.name, std::move(opened), options);
}

}  // namespace

Result<Described> describe_files(CheckpointFiles files, const DescribeOptions& options) try {
  const std::string name = files.name;
  if (!files.index && !files.folder) {
    HARDLOAD_ASSIGN(Manifest manifest, describe(*files.sources.front(), options));
    return Described{std::move(files.sources.front()), std::move(manifest)};
  }
  auto described = files.folder ? describe_distributed(files, options)
                                : describe_shards(std::move(files), options);
  if (described.ok() || !described.error().source().empty()) return described;
  return std::move(described).error().in_source(name);
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kManifest, "memory for the description ran out");
}

}  // namespace hardload
