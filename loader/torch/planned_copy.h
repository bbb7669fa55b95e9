// plan_load_state_dict: what load_state_dict would do, found out before tensor data is there.
#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"
#include "loader/torch/load_state_dict.h"
#include "loader/torch/state_dict.h"

namespace hardload {

struct PlannedCopy {
  at::Tensor target;  // of the module
  std::size_t state;  // among state.entries
};

struct LoadPlan {
  std::vector<PlannedCopy> copies;
  IncompatibleKeys keys;  // what load_state_dict will return
};

// The copies that load_state_dict would make, in its order, for a state dict whose tensors may be
// on the meta device: only their shapes are looked at. The same errors, but for conversions that
// fail. The module stays as it is.
Result<LoadPlan> plan_load_state_dict(torch::nn::Module& module, const StateDict& state,
                                      const LoadStateDictOptions& options);

// load_state_dict as the plan says. Where `state` is the only holder of a tensor, the parameter may
// take its memory over instead of a copy (see PreparedCopy::publish).
Result<IncompatibleKeys> load_owned_state_dict(torch::nn::Module& module, StateDict state,
                                               const LoadStateDictOptions& options);

}  // namespace hardload
