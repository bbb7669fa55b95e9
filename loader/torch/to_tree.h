// to_tree: a loaded checkpoint as an object that can be changed and saved.
//
//   HARDLOAD_ASSIGN(auto checkpoint, load("training.pt"));
//   HARDLOAD_ASSIGN(Tree tree, to_tree(checkpoint));
//   tree.add("reviewed", true);
//   HARDLOAD_TRY(save(tree, "training.pt"));
#pragma once

#include "loader/base/result.h"
#include "loader/torch/checkpoint.h"
#include "loader/torch/tree.h"

namespace hardload {

// All that `checkpoint` holds: kinds, order, attributes, what is shared, and what contains itself
// (there, the tree has a Tree::reference). Tensors are shared with it. Errors: kUnsupported for a
// value that is not plain data of the kinds that a Tree has.
Result<Tree> to_tree(const Checkpoint& checkpoint);

}  // namespace hardload
