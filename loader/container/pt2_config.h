// parse_pt2_config: the JSON text of an archive of torch.export that lists its weights.
//
// An object with one member, "config": an object with a member for each weight, name:
// {"path_name": "weight_0", "is_param": true, "use_pickle": false, "tensor_meta": {"dtype": 7,
// "sizes": [{"as_int": 3}], "requires_grad": true, "device": {"type": "cpu", "index": null},
// "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7}}
// (torch/_export/serde/schema.py: PayloadConfig, PayloadMeta, TensorMeta; the numbers of dtypes and
// layouts are ScalarType's and Layout's there). Weights that share a storage have one path_name.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"

namespace hardload {

struct Pt2Weight {
  std::string_view name;
  std::string_view path_name;  // of the record with its storage
  std::string_view location;   // "cpu", "cuda:0"
  Dtype dtype;
  bool is_parameter;
  bool requires_grad;
  std::uint32_t rank;
  std::uint64_t dims;  // where in Pt2Config::dims its sizes and then its strides begin
  std::int64_t offset;
};

struct Pt2Config {
  Buffer text;  // what the weights' texts lie in
  std::vector<Pt2Weight> weights;
  std::vector<std::int64_t> dims;
  std::set<std::string> locations;  // each once
};

// Errors: kContainer for text of another form; kKey for a name that stands twice; kUnsupported for
// a weight that is pickled, not strided or of a dtype that is not known; kLimit for its rank.
// Offsets are those in `text`.
Result<Pt2Config> parse_pt2_config(Buffer text, const Limits& limits);

}  // namespace hardload
