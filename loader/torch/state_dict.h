// StateDict: names and tensors in order, what load_state_dict takes.
//
//   HARDLOAD_ASSIGN(auto checkpoint, load("model.pth"));
//   HARDLOAD_ASSIGN(StateDict state, checkpoint.state_dict());
//   state.entries.push_back({"extra", at::zeros({2}), ""});      // a plain list: edit at will
//
// Ownership: shares its tensors' memory, and keeps the values of the file that it refers to alive.
// Threads: like a std::vector.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hardload {

struct SavedValue;  // checkpoint.h

struct StateDictEntry {
  std::string key;
  at::Tensor tensor;
  std::string type;  // Python's name of the value's type where it is no tensor; else empty
  // What the file has under the key where that is no tensor. Null for entries made by hand.
  std::shared_ptr<const SavedValue> value = nullptr;
};

struct StateDict {
  using Entry = StateDictEntry;
  // What Python keeps in `_metadata`: the version of the module at a path ("" is the root). Only
  // BatchNorm's is looked at.
  struct Version {
    std::string path;
    std::int64_t version;
  };

  std::vector<Entry> entries;
  std::vector<Version> versions;
  // The dict of the file that this was made from; where load_state_dict looks for a better one when
  // this one does not fit. Null for a state dict made by hand.
  std::shared_ptr<const SavedValue> origin = nullptr;
};

}  // namespace hardload
