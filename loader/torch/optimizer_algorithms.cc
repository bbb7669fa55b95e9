#include "loader/torch/optimizer_algorithms.h"

#include <algorithm>
#include <deque>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ATen/ops/zeros.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "loader/base/text.h"

namespace hardload {
namespace {

namespace optim = torch::optim;

using Need = Fields::Need;

Need need(bool required) { return required ? Need::kRequired : Need::kOptional; }

StateTensors::Want like(const at::Tensor& param) { return {param.sizes(), param}; }

// ---- Options of a group ---------------------------------------------------------------------

Result<void> read(Fields& group, optim::SGDOptions& options) {
  HARDLOAD_TRY(group.number("lr", options.lr()));
  HARDLOAD_TRY(group.number("momentum", options.momentum()));
  HARDLOAD_TRY(group.number("dampening", options.dampening()));
  HARDLOAD_TRY(group.number("weight_decay", options.weight_decay()));
  return group.flag("nesterov", options.nesterov());
}

template <typename AdamOptions>
Result<void> read_adam(Fields& group, AdamOptions& options) {
  HARDLOAD_TRY(group.number("lr", options.lr()));
  HARDLOAD_TRY(group.numbers("betas", std::get<0>(options.betas()), std::get<1>(options.betas())));
  HARDLOAD_TRY(group.number("eps", options.eps()));
  HARDLOAD_TRY(group.number("weight_decay", options.weight_decay()));
  return group.flag("amsgrad", options.amsgrad());
}

Result<void> read(Fields& group, optim::AdamOptions& options) { return read_adam(group, options); }
Result<void> read(Fields& group, optim::AdamWOptions& options) { return read_adam(group, options); }

Result<void> read(Fields& group, optim::AdagradOptions& options) {
  HARDLOAD_TRY(group.number("lr", options.lr()));
  HARDLOAD_TRY(group.number("lr_decay", options.lr_decay()));
  HARDLOAD_TRY(group.number("eps", options.eps()));
  HARDLOAD_TRY(group.number("weight_decay", options.weight_decay()));
  return group.number("initial_accumulator_value", options.initial_accumulator_value());
}

Result<void> read(Fields& group, optim::RMSpropOptions& options) {
  HARDLOAD_TRY(group.number("lr", options.lr()));
  HARDLOAD_TRY(group.number("alpha", options.alpha()));
  HARDLOAD_TRY(group.number("eps", options.eps()));
  HARDLOAD_TRY(group.number("weight_decay", options.weight_decay()));
  HARDLOAD_TRY(group.number("momentum", options.momentum()));
  return group.flag("centered", options.centered());
}

Result<void> read(Fields& group, optim::LBFGSOptions& options) {
  HARDLOAD_TRY(group.number("lr", options.lr()));
  HARDLOAD_TRY(group.count("max_iter", options.max_iter()));
  // Python's constructor replaces None, and LibTorch's step does not look for it.
  HARDLOAD_TRY(group.count("max_eval", options.max_eval().emplace(0)));
  HARDLOAD_TRY(group.number("tolerance_grad", options.tolerance_grad()));
  HARDLOAD_TRY(group.number("tolerance_change", options.tolerance_change()));
  HARDLOAD_TRY(group.count("history_size", options.history_size()));
  if (options.history_size() == 0) return group.wrong("history_size", "is 0");
  // The step allocates a list of this length.
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  if (options.history_size() > kMost) {
    return Error(
               ErrorKind::kLimit, Stage::kTorch,
               concat(group.path(), ".history_size is ", options.history_size(), ", over ", kMost))
        .advise("Save the state of an optimizer with a shorter history.");
  }
  HARDLOAD_TRY(group.text("line_search_fn", options.line_search_fn(), Need::kOptional));
  if (options.line_search_fn() && *options.line_search_fn() != "strong_wolfe") {
    return group.wrong("line_search_fn", "is neither None nor 'strong_wolfe'");
  }
  return {};
}

// ---- State of a parameter -------------------------------------------------------------------

// Python takes the two parts of a complex gradient for two gradients, LibTorch's formulas square it
// as it is (measured: other steps).
Result<void> require_real(const Fields& state, const at::Tensor& param) {
  if (!param.is_complex()) return {};
  return Error(ErrorKind::kUnsupported, Stage::kTorch,
               concat(state.path(),
                      " belongs to a complex parameter, for which LibTorch's step "
                      "differs from Python's"))
      .advise("Use SGD for complex parameters, or keep their two parts as real ones.");
}

// False where there is nothing to keep.
Result<bool> read(Fields& state, const StateOwner& owner, const optim::SGDOptions&,
                  optim::SGDParamState& out) {
  // Some versions of torch keep None where there is no momentum; LibTorch wants no state then.
  HARDLOAD_TRY(
      state.tensor("momentum_buffer", like(owner.param), out.momentum_buffer(), Need::kOptional));
  return out.momentum_buffer().defined();
}

template <typename AdamParamState>
Result<bool> read_adam(Fields& state, const StateOwner& owner, bool amsgrad, AdamParamState& out) {
  HARDLOAD_TRY(require_real(state, owner.param));
  HARDLOAD_TRY(state.count("step", out.step()));
  HARDLOAD_TRY(state.tensor("exp_avg", like(owner.param), out.exp_avg()));
  HARDLOAD_TRY(state.tensor("exp_avg_sq", like(owner.param), out.exp_avg_sq()));
  HARDLOAD_TRY(
      state.tensor("max_exp_avg_sq", like(owner.param), out.max_exp_avg_sq(), need(amsgrad)));
  return true;
}

Result<bool> read(Fields& state, const StateOwner& owner, const optim::AdamOptions& options,
                  optim::AdamParamState& out) {
  return read_adam(state, owner, options.amsgrad(), out);
}
Result<bool> read(Fields& state, const StateOwner& owner, const optim::AdamWOptions& options,
                  optim::AdamWParamState& out) {
  return read_adam(state, owner, options.amsgrad(), out);
}

Result<bool> read(Fields& state, const StateOwner& owner, const optim::AdagradOptions&,
                  optim::AdagradParamState& out) {
  HARDLOAD_TRY(require_real(state, owner.param));
  HARDLOAD_TRY(state.count("step", out.step()));
  HARDLOAD_TRY(state.tensor("sum", like(owner.param), out.sum()));
  return true;
}

Result<bool> read(Fields& state, const StateOwner& owner, const optim::RMSpropOptions& options,
                  optim::RMSpropParamState& out) {
  HARDLOAD_TRY(require_real(state, owner.param));
  HARDLOAD_TRY(state.count("step", out.step()));
  HARDLOAD_TRY(state.tensor("square_avg", like(owner.param), out.square_avg()));
  HARDLOAD_TRY(state.tensor("momentum_buffer", like(owner.param), out.momentum_buffer(),
                            need(options.momentum() > 0)));
  HARDLOAD_TRY(
      state.tensor("grad_avg", like(owner.param), out.grad_avg(), need(options.centered())));
  return true;
}

bool is_defined(const at::Tensor& tensor) { return tensor.defined(); }

// All parameters of LBFGS have one state, kept for the first.
Result<bool> read(Fields& state, const StateOwner& owner, const optim::LBFGSOptions& options,
                  optim::LBFGSParamState& out) {
  if (!owner.param.is_same(owner.group.params().front())) {
    return Error(ErrorKind::kKey, Stage::kTorch,
                 concat(state.path(), " is not of the first parameter, where LBFGS keeps it"));
  }
  HARDLOAD_TRY(require_real(state, owner.param));
  std::int64_t numel = 0;
  for (const at::Tensor& param : owner.group.params()) numel += param.numel();
  const StateTensors::Want flat{{&numel, 1}, owner.param};
  const auto most = static_cast<std::size_t>(options.history_size());

  HARDLOAD_TRY(state.count("func_evals", out.func_evals()));
  HARDLOAD_TRY(state.count("n_iter", out.n_iter()));
  // The first iteration makes all of these, later ones do not look whether they are there.
  const Need later = need(out.n_iter() > 0);
  HARDLOAD_TRY(state.number("t", out.t(), later));
  HARDLOAD_TRY(state.number("prev_loss", out.prev_loss(), later));
  HARDLOAD_TRY(state.tensor("d", flat, out.d(), later));
  HARDLOAD_TRY(state.scalar("H_diag", owner.param, out.H_diag(), later));
  HARDLOAD_TRY(state.tensor("prev_flat_grad", flat, out.prev_flat_grad(), later));
  HARDLOAD_TRY(state.tensors("old_dirs", flat, most, out.old_dirs(), later));
  HARDLOAD_TRY(state.tensors("old_stps", flat, most, out.old_stps(), later));
  HARDLOAD_TRY(state.scalars("ro", owner.param, most, out.ro(), later));
  if (out.old_stps().size() != out.old_dirs().size() || out.ro().size() != out.old_dirs().size()) {
    return state.wrong("old_dirs", "is not as long as 'old_stps' and 'ro'");
  }
  if (!std::all_of(out.ro().begin(), out.ro().end(), is_defined)) {
    return state.wrong("ro", "contains None");
  }
  std::deque<at::Tensor> al;
  HARDLOAD_TRY(state.scalars("al", owner.param, most, al, Need::kOptional));
  if (al.empty()) return true;
  if (al.size() != most) return state.wrong("al", "is not as long as 'history_size'");
  // The step writes each before it reads it. LibTorch cannot save undefined ones (measured).
  for (at::Tensor& number : al) {
    if (!number.defined()) number = at::zeros({}, owner.param.options().requires_grad(false));
  }
  out.al().emplace(al.begin(), al.end());
  return true;
}

// ---- The table ------------------------------------------------------------------------------

template <typename Class>
bool is_of(const optim::Optimizer& optimizer) {
  return dynamic_cast<const Class*>(&optimizer) != nullptr;
}

template <typename Options>
bool has_options(const optim::OptimizerOptions& options) {
  return dynamic_cast<const Options*>(&options) != nullptr;
}

template <typename Options>
Result<std::unique_ptr<optim::OptimizerOptions>> read_options(Fields& group) {
  auto options = std::make_unique<Options>(/*lr=*/0.0);
  HARDLOAD_TRY(read(group, *options));
  return std::unique_ptr<optim::OptimizerOptions>(std::move(options));
}

template <typename Options, typename State>
Result<std::unique_ptr<optim::OptimizerParamState>> read_state(Fields& fields,
                                                               const StateOwner& owner) {
  auto state = std::make_unique<State>();
  HARDLOAD_ASSIGN(const bool keep,
                  read(fields, owner, static_cast<const Options&>(owner.options), *state));
  HARDLOAD_TRY(fields.nothing_else());
  if (!keep) state.reset();
  return std::unique_ptr<optim::OptimizerParamState>(std::move(state));
}

template <typename Options>
void assign(optim::OptimizerOptions& to, optim::OptimizerOptions& from) noexcept {
  static_assert(std::is_nothrow_move_assignable_v<Options>);
  static_cast<Options&>(to) = std::move(static_cast<Options&>(from));
}

template <typename Class, typename Options, typename State>
constexpr Algorithm algorithm(std::string_view name, bool needs_state = false) {
  return {name,
          needs_state,
          is_of<Class>,
          has_options<Options>,
          read_options<Options>,
          read_state<Options, State>,
          assign<Options>};
}

constexpr Algorithm kAlgorithms[] = {
    algorithm<optim::SGD, optim::SGDOptions, optim::SGDParamState>("SGD"),
    algorithm<optim::Adam, optim::AdamOptions, optim::AdamParamState>("Adam"),
    algorithm<optim::AdamW, optim::AdamWOptions, optim::AdamWParamState>("AdamW"),
    // Its constructor makes the state of all parameters, its step does not.
    algorithm<optim::Adagrad, optim::AdagradOptions, optim::AdagradParamState>("Adagrad", true),
    algorithm<optim::RMSprop, optim::RMSpropOptions, optim::RMSpropParamState>("RMSprop"),
    algorithm<optim::LBFGS, optim::LBFGSOptions, optim::LBFGSParamState>("LBFGS"),
};

}  // namespace

const Algorithm* algorithm_of(const optim::Optimizer& optimizer) {
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.is_of(optimizer)) return &algorithm;
  }
  return nullptr;
}

}  // namespace hardload
