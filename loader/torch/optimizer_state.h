// load_optimizer_state: resumes training. The C++ twin of Optimizer.load_state_dict.
//
//   torch::optim::Adam optimizer(net.parameters(), /*lr=*/1e-3);
//   auto checkpoint = hardload::load("training.pt").value();
//   hardload::load_state_dict(net, checkpoint.state_dict("model").value()).value();
//   hardload::load_optimizer_state(optimizer, checkpoint, "optimizer").value();
//
// Takes what Python's optimizer.state_dict() gives for SGD, Adam, AdamW, Adagrad, RMSprop and LBFGS
// into LibTorch's optimizer of the same name, so that its next steps are those that Python would
// have made. As in Python, parameters go by their order in the groups, and what the optimizer held
// before is replaced: options of each group, and the state of all parameters. Those without one in
// the file begin anew. Unlike in Python it is all or nothing, and shapes are checked.
//
// What Python's options become:
//
//   options that LibTorch has      loaded; a tensor of one element is a number, too
//   maximize, differentiable       Unsupported where True: LibTorch's optimizers cannot
//   decoupled_weight_decay         tells AdamW from Adam; has to agree with the optimizer where
//                                  weight_decay is not 0
//   foreach, fused, capturable     ignored: how a step is computed, not what
//   all others (initial_lr, ...)   ignored: no step reads them
//
// Complex parameters have a state for SGD only: LibTorch's other algorithms square a complex
// gradient, Python's the two parts of it.
//
// Ownership: the optimizer gets copies, each cast to its parameter's dtype and device; nothing is
// shared with the checkpoint. Options objects stay where they are. Threads: nobody else may use the
// optimizer.
#pragma once

#include <string_view>

#include "loader/base/result.h"
#include "loader/torch/checkpoint.h"

namespace torch::optim {
class Optimizer;
}

namespace hardload {

// Loads what the checkpoint holds under `key`, or is itself. Errors: kKey where the state is that
// of another algorithm, of other parameters, or not one at all, worded as PyTorch does where it
// has words; kUnsupported for what LibTorch cannot do; kLimit for a history of LBFGS over 2^20
// steps; kOutOfMemory. After any of them the optimizer is as it was.
Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint,
                                  std::string_view key);
Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint);

// The same for a dict anywhere in the checkpoint: `state` is one of its Values.
Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint,
                                  Value state);

}  // namespace hardload
