// state_dict_of: the state dict of a C++ module, as Python's model.state_dict() would give it.
//
//   save(state_dict_of(*net), "model.pth").value();
#pragma once

#include "loader/torch/state_dict.h"

namespace torch::nn {
class Module;
}

namespace hardload {

// Parameters and buffers in Python's order, with the versions that Python's twins of LibTorch's
// modules have. The tensors share the module's memory and require no gradient. What is undefined is
// left out. The module stays as it is.
StateDict state_dict_of(const torch::nn::Module& module);

}  // namespace hardload
