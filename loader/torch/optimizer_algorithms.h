// Algorithm: what differs between LibTorch's optimizers when their state is loaded.
//
// One table row for each of SGD, Adam, AdamW, Adagrad, RMSprop and LBFGS, whose functions read what
// Python's class of the same name saves (torch/optim/NAME.py) into what LibTorch's keeps
// (torch/optim/NAME.h). Reading changes no optimizer.
#pragma once

#include <memory>
#include <string_view>

#include <torch/optim/optimizer.h>

#include "loader/base/result.h"
#include "loader/torch/optimizer_fields.h"

namespace hardload {

// A parameter whose state is read.
struct StateOwner {
  const at::Tensor& param;
  const torch::optim::OptimizerParamGroup& group;  // that holds it
  const torch::optim::OptimizerOptions& options;   // the group's, as the file has them
};

struct Algorithm {
  using Options = torch::optim::OptimizerOptions;
  using State = torch::optim::OptimizerParamState;

  std::string_view name;
  // Whether the step throws where a parameter has no state, instead of beginning anew.
  bool needs_state;
  // Whether `optimizer` is of this class, or `options` are of this class's.
  bool (*is_of)(const torch::optim::Optimizer& optimizer);
  bool (*has_options)(const Options& options);
  // The options of a group. Those that Python alone has have been looked at already.
  Result<std::unique_ptr<Options>> (*read_options)(Fields& group);
  // The state of a parameter, which is not empty; nullptr where it says nothing.
  Result<std::unique_ptr<State>> (*read_state)(Fields& state, const StateOwner& owner);
  // Moves `from` into `to`, both of this class.
  void (*assign)(Options& to, Options& from) noexcept;
};

// The optimizer's; nullptr where it is none of the six.
const Algorithm* algorithm_of(const torch::optim::Optimizer& optimizer);

}  // namespace hardload
