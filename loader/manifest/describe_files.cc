#include "loader/manifest/describe_files.h"

#include <new>
#include <utility>
#include <vector>

#include "loader/bytes/joined_source.h"
#include "loader/manifest/join_shards.h"

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

}  // namespace

Result<Described> describe_files(CheckpointFiles files, const DescribeOptions& options) try {
  const std::string name = files.name;
  if (!files.index) {
    HARDLOAD_ASSIGN(Manifest manifest, describe(*files.sources.front(), options));
    return Described{std::move(files.sources.front()), std::move(manifest)};
  }
  auto described = describe_shards(std::move(files), options);
  if (described.ok() || !described.error().source().empty()) return described;
  return std::move(described).error().in_source(name);
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kManifest, "memory for the description ran out");
}

}  // namespace hardload
