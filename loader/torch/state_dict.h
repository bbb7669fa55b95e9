// StateDict: names and tensors in order, what load_state_dict takes.
//
//   HARDLOAD_ASSIGN(auto checkpoint, load("model.pth"));
//   HARDLOAD_ASSIGN(StateDict state, checkpoint.state_dict());
//   state.entries.push_back({"extra", at::zeros({2}), ""});      // a plain list: edit at will
//
// Ownership: shares its tensors' memory. Threads: like a std::vector.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hardload {

struct StateDict {
  struct Entry {
    std::string key;
    at::Tensor tensor;
    std::string type;  // Python's name of the value's type where it is no tensor; else empty
  };
  // What Python keeps in `_metadata`: the version of the module at a path ("" is the root). Only
  // BatchNorm's is looked at.
  struct Version {
    std::string path;
    std::int64_t version;
  };

  std::vector<Entry> entries;
  std::vector<Version> versions;
};

}  // namespace hardload
