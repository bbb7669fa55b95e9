#include "loader/torch/optimizer_origin.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "loader/base/text.h"

namespace hardload {
namespace {

// Options that together only this class has, of those that are left after the rows above it. From
// the `defaults` of torch/optim/NAME.py.
struct Row {
  std::string_view name;
  std::string_view options[2];
  bool in_libtorch = false;
};
constexpr Row kRows[] = {
    {"LBFGS", {"history_size", "line_search_fn"}, true},
    {"Adafactor", {"beta2_decay", "d"}},
    {"Muon", {"ns_coefficients", "ns_steps"}},
    {"Adadelta", {"rho", "eps"}},
    {"ASGD", {"lambd", "t0"}},
    {"Rprop", {"etas", "step_sizes"}},
    {"NAdam", {"betas", "momentum_decay"}},
    {"Adagrad", {"lr_decay", "initial_accumulator_value"}, true},
    {"RMSprop", {"alpha", "centered"}, true},
    {"SGD", {"momentum", "dampening"}, true},
    {"Adam", {"betas", "amsgrad"}, true},
    {"RAdam", {"betas", "decoupled_weight_decay"}},
    {"Adamax or RAdam", {"betas", "weight_decay"}},
    {"SparseAdam", {"betas", "eps"}},
};

// Whether Python would take the value of `key` for true.
bool is_true(Value group, std::string_view key) {
  const auto value = group.find(key);
  return value && value->as_int().value_or(0) != 0;
}

std::optional<Row> row_of(Value group) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) {
    return group.find(row.options[0]) && group.find(row.options[1]);
  });
  if (found == std::end(kRows)) return std::nullopt;
  Row row = *found;
  if (row.name == "Adam" && is_true(group, "decoupled_weight_decay")) row.name = "AdamW";
  return row;
}

// Whether states of both are the same thing. Older torch does not say which of Adam and AdamW it
// was, and without weight decay they are one algorithm.
bool is_interchangeable(std::string_view a, std::string_view b, Value group) {
  const auto is_adam = [](std::string_view name) { return name == "Adam" || name == "AdamW"; };
  const auto decay = group.find("weight_decay");
  return a == b || (is_adam(a) && is_adam(b) &&
                    (!group.find("decoupled_weight_decay") || (decay && decay->as_float() == 0.0)));
}

Error another(const Row& saved, std::string_view algorithm, std::string_view path) {
  Error error(ErrorKind::kKey, Stage::kTorch,
              concat(path, " is of ", saved.name, ", and the optimizer is ", algorithm));
  if (saved.in_libtorch) {
    return std::move(error).advise(
        concat("Load it into a torch::optim::", saved.name, " over the same parameters."));
  }
  return std::move(error).advise(
      concat("LibTorch has no ", saved.name, ": its training cannot be resumed in C++."));
}

Error impossible(std::string_view path, std::string_view what, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, concat(path, what)).advise(advice);
}

}  // namespace

Result<void> require_same_algorithm(std::string_view algorithm, Value group,
                                    std::string_view path) {
  const std::optional<Row> saved = row_of(group);
  if (!saved) {
    return Error(ErrorKind::kKey, Stage::kTorch,
                 concat(path, " holds options of no optimizer of torch.optim"))
        .advise("Save optimizer.state_dict() of one of them.");
  }
  if (!is_interchangeable(saved->name, algorithm, group)) return another(*saved, algorithm, path);
  for (const std::string_view key :
       {"maximize", "differentiable", "decoupled_weight_decay", "foreach", "fused", "capturable"}) {
    const auto value = group.find(key);
    if (value && value->kind() != ValueKind::kNone && !value->as_int()) {
      return Error(
          ErrorKind::kKey, Stage::kTorch,
          concat(path, ".", key, " is a ", python_type_name(value->kind()), ", not a bool"));
    }
  }
  if (is_true(group, "maximize")) {
    return impossible(path, ".maximize is True, and LibTorch's optimizers can only minimize",
                      "Set it to False before saving, and negate the loss in C++.");
  }
  if (is_true(group, "differentiable")) {
    return impossible(path, ".differentiable is True, and LibTorch's step records no gradient",
                      "Set it to False before saving.");
  }
  return {};
}

}  // namespace hardload
