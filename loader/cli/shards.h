// split_into_shards: which tensors go into which file, as Hugging Face's tools split a model.
//
//   const auto shards = split_into_shards(tensors, 5'000'000'000);
//   shard_path("model.safetensors", 0, shards.size());     // "model-00001-of-00003.safetensors"
//   shard_index("model.safetensors", shards);              // of "model.safetensors.index.json"
//
// The order, the names and the index are those of huggingface_hub 2.4 (serialization/_base.py,
// split_state_dict_into_shards_factory; _torch.py, save_torch_state_dict).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"
#include "loader/cli/rewrite.h"

namespace hardload {

using Shard = std::vector<FlatTensor>;

// A tensor of over `most_bytes` is a shard of its own; the others fill shards in their order.
std::vector<Shard> split_into_shards(std::span<const FlatTensor> tensors, std::uint64_t most_bytes);

// The path of shard `number`, from 0, of the model at `path`; `path` itself where there is but one.
std::string shard_path(std::string_view path, std::size_t number, std::size_t count);

// The index of the shards of the model at `path`: JSON, as Python's json.dump writes it.
std::string shard_index(std::string_view path, std::span<const Shard> shards);

// "5GB", "200 MB": decimal units from KB to TB, or a plain number of bytes. Errors: kUnsupported.
Result<std::uint64_t> parse_shard_size(std::string_view text);

}  // namespace hardload
