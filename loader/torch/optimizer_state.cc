#include "loader/torch/optimizer_state.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/optim/optimizer.h>

#include "loader/base/text.h"
#include "loader/torch/guard.h"
#include "loader/torch/optimizer_algorithms.h"
#include "loader/torch/optimizer_fields.h"
#include "loader/torch/optimizer_origin.h"

namespace hardload {
namespace {

using Groups = std::vector<torch::optim::OptimizerParamGroup>;
using States = std::remove_reference_t<decltype(std::declval<torch::optim::Optimizer>().state())>;

// What a state dict calls a parameter: a number, or a name (torch.distributed.checkpoint).
struct ParamId {
  ValueKind kind;
  std::string text;
  auto operator<=>(const ParamId&) const = default;
};

// A parameter of the optimizer's.
struct Param {
  std::size_t group, index;
};

// Everything that the file says, in LibTorch's types. By the numbers of the groups.
struct Prepared {
  std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> options;
  States states;
};

Error wrong(std::string problem, std::string_view advice) {
  return Error(ErrorKind::kKey, Stage::kTorch, std::move(problem)).advise(advice);
}

// "step", "exp_avg", ... of one file, and "params" of another, are an optimizer's; say where it is.
std::string advice_for(Value root) {
  std::string advice = "Give what Python's optimizer.state_dict() returned.";
  constexpr std::size_t kMost = 100;  // of each dict; a training checkpoint has few keys
  bool all_tensors = root.is_mapping() && root.size() > 0;
  for (std::size_t i = 0; root.is_mapping() && i < std::min(root.size(), kMost); ++i) {
    const Value value = root.item(i);
    all_tensors = all_tensors && value.kind() == ValueKind::kTensor;
    if (value.size() > kMost || !value.find("param_groups") || !root.key(i).as_string()) continue;
    append(advice, " There is one under the key '", shown_name(*root.key(i).as_string()), "'.");
    break;
  }
  if (all_tensors) advice += " This is a model's state dict: load_state_dict takes it.";
  return advice;
}

Result<Value> part_of(Value state, std::string_view key) {
  if (const auto part = state.find(key)) return *part;
  return wrong(concat("this is not the state of an optimizer: it has no '", key, "'"),
               advice_for(state));
}

Result<ParamId> id_of(Value value, std::string_view where) {
  if (value.kind() == ValueKind::kInt) return ParamId{value.kind(), concat(*value.as_int())};
  if (const auto name = value.as_string()) return ParamId{value.kind(), std::string(*name)};
  return wrong(concat(where, " names a parameter with a ", python_type_name(value.kind()),
                      ", not an int or a str"),
               "Check that the file belongs to this model and this optimizer.");
}

std::string group_path(std::size_t group) { return concat("param_groups.", group); }

// The saved groups' lists of parameters, as long as the optimizer's. In PyTorch's order and words.
Result<std::vector<Value>> params_of(Value saved, const Groups& groups) {
  if (!saved.is_sequence()) {
    return wrong(concat("param_groups is a ", python_type_name(saved.kind()), ", not a list"),
                 "Give what Python's optimizer.state_dict() returned.");
  }
  if (saved.size() != groups.size()) {
    return wrong("loaded state dict has a different number of parameter groups",
                 concat("The file has ", saved.size(), ", the optimizer ", groups.size(), "."));
  }
  std::vector<Value> params;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto found = saved.item(i).find("params");
    if (!found || !found->is_sequence()) {
      return wrong(concat(group_path(i), " is not a dict with a list of 'params'"),
                   "Give what Python's optimizer.state_dict() returned.");
    }
    params.push_back(*found);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (params[i].size() == groups[i].params().size()) continue;
    return wrong(
        "loaded state dict contains a parameter group that doesn't match the size of "
        "optimizer's group",
        concat("Of group ", i, ", the file has ", params[i].size(), " parameters, the optimizer ",
               groups[i].params().size(), "."));
  }
  return params;
}

// Which parameter each saved id stands for. Both may repeat, but only together: Python numbers a
// parameter that a group lists twice once.
Result<std::map<ParamId, Param>> params_by_id(const std::vector<Value>& params,
                                              const Groups& groups) {
  std::map<ParamId, Param> by_id;
  std::map<const void*, ParamId> ids;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (std::size_t i = 0; i < params[group].size(); ++i) {
      HARDLOAD_ASSIGN(ParamId id, id_of(params[group].item(i), group_path(group)));
      const void* param = groups[group].params()[i].unsafeGetTensorImpl();
      const auto first = by_id.try_emplace(id, Param{group, i}).first->second;
      const auto& first_id = ids.try_emplace(param, id).first->second;
      if (groups[first.group].params()[first.index].unsafeGetTensorImpl() != param ||
          first_id != id) {
        return wrong(concat(group_path(group), ".params.", i, ", '", shown_name(id.text),
                            "', stands for another parameter before"),
                     "Build the optimizer with the parameters that Python's had, in that order.");
      }
    }
  }
  return by_id;
}

Result<void> read_groups(const Algorithm& algorithm, Value saved, const Groups& groups,
                         StateTensors& tensors, Prepared& prepared) {
  constexpr std::size_t kMostOptions = 10'000;  // each is looked for in all of them
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].has_options() || !algorithm.has_options(groups[i].options())) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   concat("group ", i, " of the optimizer has options of another class"))
          .advise(concat("Give it torch::optim::", algorithm.name, "Options."));
    }
    if (saved.item(i).size() > kMostOptions) {
      return Error(ErrorKind::kLimit, Stage::kTorch,
                   concat(group_path(i), " has over ", kMostOptions, " keys"))
          .advise("Give what Python's optimizer.state_dict() returned.");
    }
    HARDLOAD_TRY(require_same_algorithm(algorithm.name, saved.item(i), group_path(i)));
    Fields fields(tensors, saved.item(i), group_path(i));
    HARDLOAD_ASSIGN(auto options, algorithm.read_options(fields));
    prepared.options.push_back(std::move(options));
  }
  return {};
}

Result<void> read_states(const Algorithm& algorithm, Value saved,
                         const std::map<ParamId, Param>& params, const Groups& groups,
                         StateTensors& tensors, Prepared& prepared) {
  if (!saved.is_mapping()) {
    return wrong(concat("state is a ", python_type_name(saved.kind()), ", not a dict"),
                 "Give what Python's optimizer.state_dict() returned.");
  }
  for (std::size_t i = 0; i < saved.size(); ++i) {
    HARDLOAD_ASSIGN(const ParamId id, id_of(saved.key(i), "state"));
    const std::string path = concat("state.", shown_name(id.text));
    const auto found = params.find(id);
    if (found == params.end()) {
      return wrong(concat(path, " belongs to a parameter that no group lists"),
                   "Check that the file belongs to this model and this optimizer.");
    }
    if (!saved.item(i).is_mapping()) {
      return wrong(concat(path, " is a ", python_type_name(saved.item(i).kind()), ", not a dict"),
                   "Check that the file belongs to this model and this optimizer.");
    }
    Fields fields(tensors, saved.item(i), path);
    if (fields.empty()) continue;  // what Python's optimizers take for no state, too
    const auto& group = groups[found->second.group];
    const at::Tensor& param = group.params()[found->second.index];
    HARDLOAD_ASSIGN(
        auto state,
        algorithm.read_state(fields, {param, group, *prepared.options[found->second.group]}));
    if (state != nullptr) prepared.states[param.unsafeGetTensorImpl()] = std::move(state);
  }
  for (const auto& [id, param] : params) {
    if (!algorithm.needs_state) break;
    const void* key = groups[param.group].params()[param.index].unsafeGetTensorImpl();
    if (prepared.states.count(const_cast<void*>(key)) == 0) {
      return wrong(concat("state has no '", shown_name(id.text), "', and ", algorithm.name,
                          " needs one for each parameter"),
                   "Check that the file belongs to this model and this optimizer.");
    }
  }
  return {};
}

// The one step that changes the optimizer. It cannot fail: what the optimizer held is swapped with
// what has been prepared, without a call that allocates.
void publish(const Algorithm& algorithm, Prepared& prepared, torch::optim::Optimizer& optimizer,
             Groups& groups) noexcept {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    algorithm.assign(groups[i].options(), *prepared.options[i]);
  }
  optimizer.state().swap(prepared.states);
}

Result<void> run(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint, Value state) {
  const Algorithm* algorithm = algorithm_of(optimizer);
  if (algorithm == nullptr) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 "the optimizer is none of LibTorch's SGD, Adam, AdamW, Adagrad, RMSprop and LBFGS")
        .advise("Read its state from checkpoint.root(), and set it yourself.");
  }
  HARDLOAD_ASSIGN(const Value saved_groups, part_of(state, "param_groups"));
  HARDLOAD_ASSIGN(const Value saved_states, part_of(state, "state"));
  Groups& groups = optimizer.param_groups();
  StateTensors tensors(checkpoint);
  Prepared prepared;
  HARDLOAD_ASSIGN(const auto params, params_of(saved_groups, groups));
  HARDLOAD_ASSIGN(const auto by_id, params_by_id(params, groups));
  HARDLOAD_TRY(read_groups(*algorithm, saved_groups, groups, tensors, prepared));
  HARDLOAD_TRY(read_states(*algorithm, saved_states, by_id, groups, tensors, prepared));
  HARDLOAD_TRY(tensors.require_disjoint());
  publish(*algorithm, prepared, optimizer, groups);
  return {};
}

}  // namespace

Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint,
                                  Value state) {
  return guarded([&] {
    const c10::InferenceMode no_inference(false);  // whose tensors no later step could change
    const c10::NoGradGuard no_grad;
    return run(optimizer, checkpoint, state);
  });
}

Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer,
                                  const Checkpoint& checkpoint) {
  return load_optimizer_state(optimizer, checkpoint, checkpoint.root());
}

Result<void> load_optimizer_state(torch::optim::Optimizer& optimizer, const Checkpoint& checkpoint,
                                  std::string_view key) {
  if (const auto state = checkpoint.root().find(key)) {
    return load_optimizer_state(optimizer, checkpoint, *state);
  }
  return wrong(concat("the file holds nothing under the key '", key, "'"),
               advice_for(checkpoint.root()));
}

}  // namespace hardload
