// DistributedTree: the dicts and lists of a state dict that torch.distributed.checkpoint saved
// flat.
//
// As torch puts them together again (torch/distributed/checkpoint/_nested_dict.py:
// unflatten_state_dict; _traverse.py: set_element): each step of an entry's path is a key of a dict
// or an index of a list, what is between the entries of a list is None, and dicts have the order in
// which their keys come first. An entry without a path is under its own name.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/distributed_metadata.h"
#include "loader/pickle/value.h"

namespace hardload {

class DistributedTree {
 public:
  static constexpr std::uint32_t kNothing = ~std::uint32_t{0};  // between the entries of a list

  enum class Kind : std::uint8_t { kDict, kList, kEntry };
  struct Node {
    std::uint32_t parent;
    Slot key;  // in its parent: a text of the metadata's, or an index
    Kind kind;
    std::uint32_t entry;                  // of a kEntry, among the metadata's
    std::vector<std::uint32_t> children;  // of a dict, or of a list, by index; see kNothing
  };

  // Errors: kKey where two entries have one place, or one is inside the other; kLimit for lists
  // that are longer than the metadata justifies.
  static Result<DistributedTree> build(const DistributedMetadata& metadata, const Limits& limits);

  // The first is the root, a dict.
  std::span<const Node> nodes() const { return nodes_; }

 private:
  class Builder;
  std::vector<Node> nodes_;
};

}  // namespace hardload
