// Tree::Node: what the copies of a container share. Inside of loader/torch only.
#pragma once

#include "loader/torch/tree.h"

namespace hardload {

struct Tree::Node {
  Items items;      // of a mapping: keys and values by turns
  Tree attributes;  // of an OrderedDict; else None

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();
};

}  // namespace hardload
