// pickle_tree: data.pkl of a tree, and the storages that go with it.
#pragma once

#include <string>
#include <vector>

#include <c10/core/Storage.h>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/torch/tree.h"

namespace hardload {

struct PickledTree {
  std::string pickle;
  std::vector<c10::Storage> storages;  // by the number in their record's name
};

// What Python's torch.save would pickle of the same object: every container, string and tensor
// once, wherever it is used. Goes through the tree without recursion. Only names of the table of
// globals (loader/pickle/globals.h) are written. Errors: kUnsupported for what torch.save cannot
// write, kKey for keys that cannot be keys or stand twice, kLimit for depth and size; each says
// where in the tree.
Result<PickledTree> pickle_tree(const Tree& tree, const Limits& limits);

}  // namespace hardload
