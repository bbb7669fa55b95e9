// TreeWalk: finds and names every tensor in the object tree.
//
// Goes through the tree once per name, in the file's order, without recursion. Branches may be
// shared, so that a small file can have an enormous tree, and may contain themselves: the work is
// bounded by Limits, and a branch is not entered again inside itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/hashable.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/storage_table.h"
#include "loader/manifest/tensor_table.h"

namespace hardload {

class TreeWalk {
 public:
  TreeWalk(Manifest& manifest, StorageTable& storages, TensorTable& tensors, const Limits& limits);

  // Fills the manifest's names, tensors and storages. Errors: those of TensorTable and
  // StorageTable, with the tensor's name; kKey for a key that stands twice in one dict; kPickle
  // for a key that Python could not hash; kLimit for depth and work.
  Result<void> run();

 private:
  // A container whose children are being visited.
  struct Frame {
    Slot slot;
    std::size_t next;          // child to visit next
    std::size_t name_bytes;    // of the container's own name
    std::uint32_t path;        // its step
    std::uint64_t path_bytes;  // of the keys on its path that its name does not spell out
    bool is_named;             // false inside of attributes, whose tensors get no name
  };

  Result<void> visit(Slot slot, const Frame& parent);
  Result<void> enter(Slot slot, const Frame& parent);
  Result<void> enter_attributes(Value value, const Frame& parent);
  Result<void> charge(std::uint64_t bytes);
  Result<std::uint64_t> path_bytes(Slot key);
  void append_to_name(Slot key);
  std::uint32_t add_step(std::uint32_t parent, Slot key);
  Error with_name(const Error& error) const;

  Manifest& manifest_;
  StorageTable& storages_;
  TensorTable& tensors_;
  const Limits& limits_;
  std::uint64_t budget_;
  const KeyBounds key_bounds_;
  std::string name_;  // of the node being visited
  std::vector<Frame> frames_;
  std::vector<bool> is_open_;     // containers among frames_
  std::vector<bool> is_checked_;  // containers whose keys were checked
};

}  // namespace hardload
