// ModuleSpec: the names and shapes that a module expects, without the module.
//
// What key matching needs to know of an nn::Module, as plain data, so that matching can be tested
// and fuzzed without LibTorch. loader/torch/module_targets.h makes one from a module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hardload {

struct ModuleSpec {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // A parameter or buffer. Parameters come before buffers, each in registration order.
  struct Entry {
    std::string name;  // within its module
    std::vector<std::int64_t> shape;
    // Tied entries, the same parameter object under two names, have the same number; kNone for one
    // of which that is not known.
    std::uint32_t object = kNone;
  };
  struct Child {
    std::string name;
    std::uint32_t node;  // among nodes; kNone for a child registered as null
  };
  // One module, under one of its paths: a module that is used twice is two nodes.
  struct Node {
    std::string prefix;  // the path from the root with a "." behind it; "" for the root
    std::vector<Entry> entries;
    std::vector<Child> children;
    // The module is of the BatchNorm family and counts batches. State dicts of its version 1 have
    // no num_batches_tracked, which is then not missing (torch/nn/modules/batchnorm.py).
    bool counts_batches = false;
  };

  std::string class_name;   // of the root, as Python prints it
  std::vector<Node> nodes;  // in pre-order; the root first
};

}  // namespace hardload
