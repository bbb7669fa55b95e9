// join_shards: the Manifests of all shards of a checkpoint as one, a flat state dict.
//
// The index has to say the truth: each tensor that it lists is in the shard that it says, and in no
// other; each shard holds no other tensor. Shards are dicts of tensors with text keys, in files of
// one format and byte order. What tensors are stays as it is: strides, storages that tensors of one
// shard share, sparse and quantized ones, parameters. Python attributes of a shard's dict and
// tensors are left out.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/joined_source.h"
#include "loader/container/shard_index.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// That a shard, the `number`th of index.files(), is a dict of tensors that the index has in it; for
// each shard as soon as it is described, so that no file which the index knows nothing of takes
// memory many times. `source`: its name. Errors: kKey, kUnsupported.
Result<void> check_shard(const ShardIndex& index, std::size_t number, const Manifest& shard,
                         std::string_view source);

// `shards`: of each of index.files(), in their order, which is that of the parts of `source`, too.
// The tensors are in the order of the shards. Errors: kKey where the index and a shard differ on
// names; kUnsupported for a shard that is no dict of tensors, or for shards that differ in format
// or byte order; kLimit; kOutOfMemory.
Result<Manifest> join_shards(const ShardIndex& index, std::vector<Manifest> shards,
                             const JoinedSource& source);

}  // namespace hardload
