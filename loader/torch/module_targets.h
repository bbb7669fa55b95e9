// ModuleTargets: a module's parameters and buffers, for matching and for filling.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/match/module_spec.h"

namespace torch::nn {
class Module;
}

namespace hardload {

struct ModuleTargets {
  ModuleSpec spec;
  // tensors[node][entry] is what spec.nodes[node].entries[entry] describes; shares its memory.
  std::vector<std::vector<at::Tensor>> tensors;
  std::vector<torch::nn::Module*> modules;  // by node
};

// Walks `module` in PyTorch's order: parameters, buffers, then children, each in registration
// order. Undefined parameters (a Linear without bias) and null children are not expected of a state
// dict, as in Python. A module under two names is listed under both. The module stays as it is.
ModuleTargets list_targets(torch::nn::Module& module);

// Sets Entry::object of all entries, which list_targets leaves open.
void number_objects(ModuleTargets& targets);

}  // namespace hardload
