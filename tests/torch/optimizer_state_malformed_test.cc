// load_optimizer_state: what does not fit is refused by its path, and the optimizer is as it was.

#include <algorithm>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <c10/util/StringUtil.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

#include "loader/bytes/memory_source.h"
#include "loader/torch/load.h"
#include "loader/torch/optimizer_state.h"
#include "tests/support/json_checkpoint.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

namespace optim = torch::optim;
using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;
using Params = std::vector<at::Tensor>;

Json tensor(const std::vector<std::int64_t>& shape, const Json& more = Json::object()) {
  Json json = {{"$tensor", shape}};
  json.update(more);
  return json;
}

// Options that all of Python's optimizers have, and what a group needs beside its own.
Json group(Json options) {
  options.update(
      R"({"maximize": false, "foreach": null, "differentiable": false, "params": [0, 1]})"_json);
  return options;
}

// A state of each algorithm, that fits params(): as Python saves it, with every optional part.
Json saved(std::string_view name) {
  const auto each = [](const std::vector<const char*>& keys) {
    Json states;
    for (int i : {0, 1}) {
      for (const char* key : keys) {
        const bool step = std::string_view(key) == "step";
        states[i == 0 ? "#0" : "#1"][key] = step     ? tensor({}, {{"$value", 3}})
                                            : i == 0 ? tensor({2, 3})
                                                     : tensor({2});
      }
    }
    return states;
  };
  const auto state_dict = [](const Json& states, const Json& options) {
    return Json{{"state", states}, {"param_groups", Json::array({group(options)})}};
  };
  if (name == "SGD") {
    return state_dict(each({"momentum_buffer"}), R"({"lr": 0.01, "momentum": 0.9, "dampening": 0,
                      "weight_decay": 0, "nesterov": true, "fused": null})"_json);
  }
  if (name == "Adagrad") {
    return state_dict(each({"step", "sum"}), R"({"lr": 0.01, "lr_decay": 0, "eps": 1e-10,
                      "weight_decay": 0, "initial_accumulator_value": 0, "fused": null})"_json);
  }
  if (name == "RMSprop") {
    return state_dict(each({"step", "square_avg", "momentum_buffer", "grad_avg"}),
                      R"({"lr": 0.01, "momentum": 0.5, "alpha": 0.99, "eps": 1e-8,
                      "centered": true, "weight_decay": 0, "capturable": false})"_json);
  }
  if (name == "LBFGS") {
    Json one = R"({"func_evals": 5, "n_iter": 3, "t": 1, "prev_loss": 0.5})"_json;
    const Json step = tensor({8}), number = tensor({});
    one.update({{"d", step}, {"H_diag", number}, {"prev_flat_grad", step}});
    one.update({{"old_dirs", {step, step}}, {"old_stps", {step, step}}, {"ro", {number, number}}});
    one.update({{"al", {number, number, nullptr, nullptr}}});
    return state_dict({{"#0", one}}, R"({"lr": 1, "max_iter": 4, "max_eval": 5,
                      "tolerance_grad": 1e-7, "tolerance_change": 1e-9, "history_size": 4,
                      "line_search_fn": null})"_json);
  }
  Json options = R"({"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.1,
                  "amsgrad": true, "capturable": false, "fused": null})"_json;
  options["decoupled_weight_decay"] = name == "AdamW";
  return state_dict(each({"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}), options);
}

const char* const kNames[] = {"SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "LBFGS"};

// Of doubles: a float parameter makes the step throw where a learning rate is 1e300.
Params params() {
  return {at::full({2, 3}, 0.5, at::kDouble).requires_grad_(),
          at::full({2}, 0.25, at::kDouble).requires_grad_()};
}

std::unique_ptr<optim::Optimizer> make(std::string_view name, const Params& params) {
  if (name == "SGD") {
    return std::make_unique<optim::SGD>(params, optim::SGDOptions(0.1).momentum(0.25));
  }
  if (name == "Adam") return std::make_unique<optim::Adam>(params);
  if (name == "AdamW") return std::make_unique<optim::AdamW>(params);
  if (name == "Adagrad") return std::make_unique<optim::Adagrad>(params);
  if (name == "RMSprop") return std::make_unique<optim::RMSprop>(params);
  // One iteration: LibTorch throws where it has to save the state of more (see bytes_of).
  return std::make_unique<optim::LBFGS>(params, optim::LBFGSOptions(0.1).max_iter(1));
}

void step(optim::Optimizer& optimizer) {
  optimizer.step([&] {
    for (at::Tensor& param : optimizer.parameters()) {
      param.mutable_grad() = at::full_like(param.detach(), 0.5) + param.detach();
    }
    return at::full({}, 1.0);
  });
}

// Everything that the optimizer holds, as bytes.
std::string bytes_of(const optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}

Checkpoint checkpoint_of(const Json& root) {
  const std::string bytes = testing::json_checkpoint(root);
  return load(std::make_shared<MemorySource>(testing::as_bytes(bytes), "test")).value();
}

// Loads `root` into an optimizer that has made a step, which an error must leave as it was.
Result<void> load_into(optim::Optimizer& optimizer, const Json& root) {
  step(optimizer);
  const std::string before = bytes_of(optimizer);
  auto result = load_optimizer_state(optimizer, checkpoint_of(root));
  if (!result.ok()) {
    EXPECT_EQ(before == bytes_of(optimizer), true) << result.error().display();
  }
  return result;
}

Result<void> load_saved(std::string_view name, const Json& root) {
  const auto optimizer = make(name, params());
  auto result = load_into(*optimizer, root);
  if (result.ok()) {
    EXPECT_NO_THROW(step(*optimizer)) << name;  // whatever was loaded
  }
  return result;
}

TEST(OptimizerStateMalformed, WhatFitsLoads) {
  for (const char* name : kNames) {
    const auto optimizer = make(name, params());
    EXPECT_OK(load_into(*optimizer, saved(name))) << name;
    const std::string loaded = bytes_of(*optimizer);
    EXPECT_OK(load_into(*optimizer, saved(name)));
    EXPECT_TRUE(loaded == bytes_of(*optimizer)) << name;  // after a step between: all is replaced
  }
}

struct Row {
  const char* name;
  const char* path;  // in the state dict
  Json value;        // put there; discarded: what is there is removed
  ErrorKind kind;
  const char* part;  // of the message
};

const Json kRemoved(Json::value_t::discarded);

Json changed(const Row& row) {
  Json root = saved(row.name);
  const Pointer pointer(row.path);
  if (row.value.is_discarded()) {
    Json& parent = root[pointer.parent_pointer()];
    if (parent.is_array()) {
      parent.erase(std::stoul(pointer.back()));
    } else {
      parent.erase(pointer.back());
    }
  } else {
    root[pointer] = row.value;
  }
  return root;
}

TEST(OptimizerStateMalformed, EachIsRefusedByItsPath) {
  constexpr ErrorKind kKey = ErrorKind::kKey, kUnsupported = ErrorKind::kUnsupported;
  const Json nan = {{"$float", "nan"}};
  const Row rows[] = {
      // The dict itself.
      {"Adam", "/state", kRemoved, kKey, "not the state of an optimizer: it has no 'state'"},
      {"Adam", "/param_groups", kRemoved, kKey, "it has no 'param_groups'"},
      {"Adam", "/state", 3, kKey, "state is a int, not a dict"},
      {"Adam", "/param_groups", "x", kKey, "param_groups is a str, not a list"},
      // Groups, and which parameters they have.
      {"Adam", "/param_groups", Json::array(), kKey,
       "loaded state dict has a different number of parameter groups. The file has 0, the "
       "optimizer 1."},
      {"Adam", "/param_groups/1", Json::object(), kKey, "different number of parameter groups"},
      {"Adam", "/param_groups/0", 3, kKey, "param_groups.0 is not a dict with a list of 'params'"},
      {"Adam", "/param_groups/0/params", kRemoved, kKey, "with a list of 'params'"},
      {"Adam", "/param_groups/0/params", 2, kKey, "with a list of 'params'"},
      {"Adam", "/param_groups/0/params/2", 2, kKey,
       "loaded state dict contains a parameter group that doesn't match the size of optimizer's "
       "group. Of group 0, the file has 3 parameters, the optimizer 2."},
      {"Adam", "/param_groups/0/params/1", 0, kKey, "param_groups.0.params.1, '0', stands for"},
      {"Adam", "/param_groups/0/params/1", 1.5, kKey,
       "param_groups.0 names a parameter with a float"},
      {"Adam", "/param_groups/0/params/1", 7, kKey, "state.1 belongs to a parameter that no group"},
      {"Adam", "/param_groups/0/params/1", "1", kKey, "state.1 belongs to a parameter that no"},
      {"Adam", "/state/#2", Json::object(), kKey, "state.2 belongs to a parameter that no group"},
      {"Adam", "/state/#-1", Json::object(), kKey, "state.-1 belongs to a parameter that no group"},
      {"Adam", "/state/0", Json::object(), kKey, "state.0 belongs to a parameter that no group"},
      {"Adam", "/state/#1", Json::array(), kKey, "state.1 is a list, not a dict"},
      // Options.
      {"SGD", "/param_groups/0/lr", kRemoved, kKey, "param_groups.0 has no 'lr'"},
      {"SGD", "/param_groups/0/lr", nullptr, kKey, "param_groups.0 has None for 'lr'"},
      {"SGD", "/param_groups/0/lr", "fast", kKey, "param_groups.0.lr is a str, not a number"},
      {"SGD", "/param_groups/0/lr", tensor({2}), kKey,
       "param_groups.0.lr is a tensor of the shape [2]"},
      {"SGD", "/param_groups/0/nesterov", 0.5, kKey,
       "param_groups.0.nesterov is a float, not a bool"},
      {"SGD", "/param_groups/0/maximize", "no", kKey,
       "param_groups.0.maximize is a str, not a bool"},
      {"SGD", "/param_groups/0/foreach", 0.5, kKey,
       "param_groups.0.foreach is a float, not a bool"},
      {"Adam", "/param_groups/0/decoupled_weight_decay", "x", kKey, "decay is a str, not a bool"},
      {"Adam", "/param_groups/0/betas", 0.9, kKey, "param_groups.0.betas is not a pair of numbers"},
      {"Adam", "/param_groups/0/betas/2", 0.9, kKey, "betas is not a pair of numbers"},
      {"Adam", "/param_groups/0/betas/1", "x", kKey, "param_groups.0.betas.1 is a str"},
      {"Adagrad", "/param_groups/0/eps", kRemoved, kKey, "param_groups.0 has no 'eps'"},
      {"LBFGS", "/param_groups/0/max_iter", -1, kKey,
       "param_groups.0.max_iter is not a whole number"},
      {"LBFGS", "/param_groups/0/max_iter", 1e300, kKey, "max_iter is not a whole number"},
      {"LBFGS", "/param_groups/0/max_eval", nullptr, kKey, "has None for 'max_eval'"},
      {"LBFGS", "/param_groups/0/history_size", 0, kKey, "history_size is 0"},
      {"LBFGS", "/param_groups/0/history_size", 1 << 21, ErrorKind::kLimit,
       "history_size is 2097152"},
      {"LBFGS", "/param_groups/0/line_search_fn", "armijo", kKey, "line_search_fn is neither"},
      {"LBFGS", "/param_groups/0/line_search_fn", 1, kKey, "line_search_fn is a int, not a str"},
      // What LibTorch cannot do.
      {"SGD", "/param_groups/0/maximize", true, kUnsupported, "param_groups.0.maximize is True"},
      {"Adam", "/param_groups/0/differentiable", true, kUnsupported, "differentiable is True"},
      // States.
      {"Adam", "/state/#0/step", kRemoved, kKey, "state.0 has no 'step'"},
      {"Adam", "/state/#0/step", -1, kKey, "state.0.step is not a whole number from 0 to 2^53"},
      {"Adam", "/state/#0/step", 2.5, kKey, "state.0.step is not a whole number"},
      {"Adam", "/state/#0/step", nan, kKey, "state.0.step is not a whole number"},
      {"Adam", "/state/#0/step", tensor({}, {{"$value", 1e30}}), kKey,
       "state.0.step is not a whole"},
      {"Adam", "/state/#0/step", std::int64_t{1} << 62, kKey, "state.0.step is not a whole number"},
      {"Adam", "/state/#0/step", tensor({2}), kKey, "state.0.step is a tensor of the shape [2]"},
      {"Adam", "/state/#0/step", tensor({}, {{"$type", "ComplexFloatStorage"}}), kKey,
       "state.0.step"},
      {"Adam", "/state/#1/exp_avg", kRemoved, kKey, "state.1 has no 'exp_avg'"},
      {"Adam", "/state/#1/exp_avg", 0.5, kKey, "state.1.exp_avg is a float, not a tensor"},
      {"Adam", "/state/#1/exp_avg", tensor({3}), kKey,
       "state.1.exp_avg has the shape [3], and [2] is needed"},
      {"Adam", "/state/#0/exp_avg_sq", tensor({3, 2}), kKey,
       "state.0.exp_avg_sq has the shape [3, 2], and [2, 3] is needed"},
      {"Adam", "/state/#0/exp_avg_sq", tensor({2, 3}, {{"$strides", {0, 0}}, {"$numel", 1}}),
       kUnsupported, "state.0.exp_avg_sq is an expanded view"},
      {"Adam", "/state/#0/exp_avg", tensor({2, 3}, {{"$type", "ComplexFloatStorage"}}), kKey,
       "state.0.exp_avg is a tensor whose dtype"},
      {"Adam", "/state/#0/max_exp_avg_sq", kRemoved, kKey, "state.0 has no 'max_exp_avg_sq'"},
      {"Adam", "/state/#0/momentum_buffer", tensor({2, 3}), kKey,
       "state.0.momentum_buffer is not a part of this optimizer's state"},
      {"Adam", "/state/#0/#5", 1, kKey, "state.0 has a key that is not a string"},
      {"SGD", "/state/#0/momentum_buffer", 3, kKey, "state.0.momentum_buffer is a int"},
      {"SGD", "/state/#0/momentum_buffer", tensor({1}), kKey,
       "state.0.momentum_buffer has the shape"},
      {"Adagrad", "/state/#1", kRemoved, kKey, "state has no '1', and Adagrad needs one"},
      {"Adagrad", "/state/#1", Json::object(), kKey, "state has no '1', and Adagrad needs one"},
      {"Adagrad", "/state/#0/sum", tensor({}), kKey, "state.0.sum has the shape []"},
      {"RMSprop", "/state/#0/momentum_buffer", kRemoved, kKey, "state.0 has no 'momentum_buffer'"},
      {"RMSprop", "/state/#0/grad_avg", nullptr, kKey, "state.0 has None for 'grad_avg'"},
      // The history of LBFGS.
      {"LBFGS", "/state/#1", saved("LBFGS")["state"]["#0"], kKey, "state.1 is not of the first"},
      {"LBFGS", "/state/#0/d", kRemoved, kKey, "state.0 has no 'd'"},
      {"LBFGS", "/state/#0/prev_flat_grad", nullptr, kKey, "None for 'prev_flat_grad'"},
      {"LBFGS", "/state/#0/prev_loss", kRemoved, kKey, "state.0 has no 'prev_loss'"},
      {"LBFGS", "/state/#0/t", "x", kKey, "state.0.t is a str"},
      {"LBFGS", "/state/#0/H_diag", tensor({2}), kKey,
       "state.0.H_diag is a tensor of the shape [2]"},
      {"LBFGS", "/state/#0/d", tensor({7}), kKey, "state.0.d has the shape [7], and [8] is needed"},
      {"LBFGS", "/state/#0/n_iter", -3, kKey, "state.0.n_iter is not a whole number"},
      {"LBFGS", "/state/#0/old_dirs", 3, kKey, "state.0.old_dirs is a int, not a list"},
      {"LBFGS", "/state/#0/old_dirs/1", kRemoved, kKey, "state.0.old_dirs is not as long as"},
      {"LBFGS", "/state/#0/old_stps/1", kRemoved, kKey, "state.0.old_dirs is not as long as"},
      {"LBFGS", "/state/#0/ro/0", kRemoved, kKey, "state.0.old_dirs is not as long as"},
      {"LBFGS", "/state/#0/ro/1", nullptr, kKey, "state.0.ro contains None"},
      {"LBFGS", "/state/#0/old_stps/1", nullptr, kKey, "state.0.old_stps.1 is a NoneType"},
      {"LBFGS", "/state/#0/old_dirs/0", tensor({9}), kKey, "state.0.old_dirs.0 has the shape [9]"},
      {"LBFGS", "/state/#0/al/0", "x", kKey, "state.0.al.0 is a str"},
      {"LBFGS", "/state/#0/al/3", kRemoved, kKey, "state.0.al is not as long as 'history_size'"},
      {"LBFGS", "/param_groups/0/history_size", 1, kKey, "old_dirs has 2 elements, and at most 1"},
  };
  for (const Row& row : rows) {
    EXPECT_ERROR(load_saved(row.name, changed(row)), row.kind, row.part)
        << row.name << row.path << " = " << row.value;
  }
}

TEST(OptimizerStateMalformed, WhatPythonTakesLoads) {
  const Row rows[] = {
      {"SGD", "/param_groups/0/lr", tensor({1}), {}, ""},
      {"SGD", "/param_groups/0/initial_lr", "anything", {}, ""},
      {"SGD", "/param_groups/0/foreach", true, {}, ""},
      {"SGD", "/param_groups/0/nesterov", 1, {}, ""},
      {"SGD", "/state/#0", kRemoved, {}, ""},
      {"SGD", "/state/#0/momentum_buffer", nullptr, {}, ""},
      {"SGD", "/state/#0/momentum_buffer", tensor({2, 3}, {{"$strides", {1, 2}}}), {}, ""},
      {"Adam", "/state/#0", Json::object(), {}, ""},
      {"Adam", "/state/#0/step", 3, {}, ""},
      {"Adam", "/state/#0/exp_avg", tensor({2, 3}, {{"$type", "DoubleStorage"}}), {}, ""},
      {"Adam", "/param_groups/0/fused", true, {}, ""},
      {"Adam", "/param_groups/0/capturable", true, {}, ""},
      {"Adam", "/param_groups/0/decoupled_weight_decay", kRemoved, {}, ""},
      {"AdamW", "/param_groups/0/decoupled_weight_decay", kRemoved, {}, ""},
      {"RMSprop", "/state/#1", kRemoved, {}, ""},
      {"LBFGS", "/state", Json::object(), {}, ""},
      {"LBFGS", "/state/#0", R"({"func_evals": 1, "n_iter": 0})"_json, {}, ""},
      {"LBFGS", "/state/#0/H_diag", 1, {}, ""},
      {"LBFGS", "/state/#0/t", tensor({}), {}, ""},
      {"LBFGS", "/state/#0/al", kRemoved, {}, ""},
      {"LBFGS", "/param_groups/0/line_search_fn", "strong_wolfe", {}, ""},
  };
  for (const Row& row : rows) {
    EXPECT_OK(load_saved(row.name, changed(row))) << row.name << row.path << " = " << row.value;
  }
}

// Python would step both at once; a shared step is only read.
TEST(OptimizerStateMalformed, SharedMemoryIsRefused) {
  Json root = saved("Adam");
  const Json shared = tensor({2}, {{"$storage", "shared"}});
  root["state"]["#1"]["exp_avg"] = root["state"]["#1"]["exp_avg_sq"] = shared;
  EXPECT_ERROR(load_saved("Adam", root), ErrorKind::kUnsupported,
               "state.1.exp_avg_sq shares memory with state.1.exp_avg");
  root = saved("SGD");
  root["state"]["#0"]["momentum_buffer"] = tensor({2, 3}, {{"$storage", "shared"}});
  root["state"]["#1"]["momentum_buffer"] =
      tensor({2}, {{"$storage", "shared"}, {"$strides", {2}}, {"$numel", 6}});
  EXPECT_ERROR(load_saved("SGD", root), ErrorKind::kUnsupported,
               "state.1.momentum_buffer shares memory with state.0.momentum_buffer");
  root = saved("LBFGS");
  root["state"]["#0"]["old_dirs"][0] = root["state"]["#0"]["old_dirs"][1] =
      tensor({8}, {{"$storage", "shared"}});
  EXPECT_ERROR(load_saved("LBFGS", root), ErrorKind::kUnsupported, "old_dirs.1 shares memory");
  root = saved("Adam");
  root["state"]["#0"]["step"] = root["state"]["#1"]["step"] =
      tensor({}, {{"$storage", "shared"}, {"$value", 2}});
  EXPECT_OK(load_saved("Adam", root));
}

TEST(OptimizerStateMalformed, StateOfAnotherAlgorithmIsNamed) {
  for (const char* name : kNames) {
    for (const char* other : kNames) {
      if (std::string_view(name) == other) continue;
      const std::string part = c10::str("is of ", name, ", and the optimizer is ", other);
      EXPECT_ERROR(load_saved(other, saved(name)), ErrorKind::kKey, part);
    }
  }
  // Without decay, Adam and AdamW are the same.
  Json root = saved("Adam");
  root["param_groups"][0]["weight_decay"] = 0;
  EXPECT_OK(load_saved("AdamW", root));
  root["param_groups"][0]["decoupled_weight_decay"] = true;
  EXPECT_OK(load_saved("Adam", root));

  // Options of torch/optim/NAME.py that LibTorch has no class for.
  const std::pair<const char*, Json> others[] = {
      {"Adadelta", R"({"lr": 1, "rho": 0.9, "eps": 1e-6, "weight_decay": 0})"_json},
      {"Adamax or RAdam", R"({"lr": 1, "betas": [0.9, 0.9], "eps": 1e-6, "weight_decay": 0})"_json},
      {"RAdam", R"({"lr": 1, "betas": [0.9, 0.9], "eps": 1e-6, "weight_decay": 0,
                    "decoupled_weight_decay": false})"_json},
      {"NAdam", R"({"lr": 1, "betas": [0.9, 0.9], "momentum_decay": 1e-3,
                    "decoupled_weight_decay": false})"_json},
      {"ASGD", R"({"lr": 1, "lambd": 1e-4, "alpha": 0.7, "t0": 1e6, "weight_decay": 0})"_json},
      {"Rprop", R"({"lr": 1, "etas": [0.5, 1.2], "step_sizes": [1e-6, 50]})"_json},
      {"SparseAdam", R"({"lr": 1, "betas": [0.9, 0.9], "eps": 1e-6})"_json},
      {"Adafactor", R"({"lr": 1, "beta2_decay": -0.8, "eps": [null, 0.001], "d": 1})"_json},
      {"Muon", R"({"lr": 1, "momentum": 0.9, "nesterov": true, "ns_coefficients": [3, 4, 2],
                   "ns_steps": 5})"_json},
  };
  for (const auto& [name, options] : others) {
    root["param_groups"][0] = group(options);
    EXPECT_ERROR(load_saved("Adam", root), ErrorKind::kKey, c10::str("is of ", name, ", and the"));
    EXPECT_ERROR(load_saved("Adam", root), ErrorKind::kKey, c10::str("LibTorch has no ", name));
  }
  root["param_groups"][0] = group({{"lr", 0.1}});
  EXPECT_ERROR(load_saved("Adam", root), ErrorKind::kKey, "holds options of no optimizer");
}

TEST(OptimizerStateMalformed, StateDictOfAModelIsRecognised) {
  const Json model = {{"weight", tensor({2, 3})}, {"bias", tensor({2})}};
  EXPECT_ERROR(load_saved("SGD", model), ErrorKind::kKey, "This is a model's state dict");
  EXPECT_ERROR(load_saved("SGD", Json::array()), ErrorKind::kKey, "not the state of an optimizer");
}

// A parameter that a group lists twice has one number in Python.
TEST(OptimizerStateMalformed, ParameterListedTwiceHasOneState) {
  const Params two = params();
  Json root = saved("SGD");
  root["param_groups"][0]["params"] = {0, 0, 1};
  const auto twice = make("SGD", {two[0], two[0], two[1]});
  EXPECT_OK(load_into(*twice, root));
  EXPECT_EQ(twice->state().size(), 2u);
  root["param_groups"][0]["params"] = {0, 2, 1};
  EXPECT_ERROR(load_into(*twice, root), ErrorKind::kKey, "'2', stands for another parameter");
}

TEST(OptimizerStateMalformed, ComplexParametersHaveStateForSgdOnly) {
  const auto complex = [] {
    return Params{at::full({2, 3}, 0.5, at::kComplexFloat).requires_grad_(),
                  at::full({2}, 0.5).requires_grad_()};
  };
  Json root = saved("SGD");
  root["state"]["#0"]["momentum_buffer"] = tensor({2, 3}, {{"$type", "ComplexFloatStorage"}});
  EXPECT_OK(load_into(*make("SGD", complex()), root));
  EXPECT_ERROR(load_into(*make("Adam", complex()), saved("Adam")), ErrorKind::kUnsupported,
               "state.0 belongs to a complex parameter");
}

TEST(OptimizerStateMalformed, TensorsWithoutDataAreRefused) {
  const std::string bytes = testing::json_checkpoint(saved("SGD"));
  const auto source = std::make_shared<MemorySource>(testing::as_bytes(bytes), "test");
  const auto checkpoint = load(source, {.map_location = "meta"}).value();
  const auto optimizer = make("SGD", params());
  EXPECT_ERROR(load_optimizer_state(*optimizer, checkpoint), ErrorKind::kUnsupported,
               "state.0.momentum_buffer is on the meta device");
}

TEST(OptimizerStateMalformed, OptimizersOfOthersAreRefused) {
  struct Mine : optim::Optimizer {
    using Optimizer::Optimizer;
    at::Tensor step(LossClosure) override { return {}; }
  } mine(params(), std::make_unique<optim::SGDOptions>(0.1));
  EXPECT_ERROR(load_optimizer_state(mine, checkpoint_of(saved("SGD"))), ErrorKind::kUnsupported,
               "none of LibTorch's");
  optim::SGD mixed({optim::OptimizerParamGroup(params(), std::make_unique<optim::AdamOptions>())},
                   optim::SGDOptions(0.1));
  EXPECT_ERROR(load_optimizer_state(mixed, checkpoint_of(saved("SGD"))), ErrorKind::kUnsupported,
               "group 0 of the optimizer has options of another class");
}

// Every value of every state, replaced by each of these: it loads and can step, or is refused and
// nothing has changed. load_saved() looks.
TEST(OptimizerStateMalformed, NoReplacementDoesHarm) {
  const Json junk[] = {kRemoved,
                       nullptr,
                       true,
                       false,
                       0,
                       1,
                       -1,
                       2.5,
                       1e300,
                       std::int64_t{1} << 53,
                       std::numeric_limits<std::int64_t>::min(),
                       {{"$float", "nan"}},
                       {{"$float", "-inf"}},
                       "",
                       "x",
                       Json::array(),
                       Json::object(),
                       {0.5, 0.5},
                       tensor({}),
                       tensor({1}),
                       tensor({2}),
                       tensor({2, 3}),
                       tensor({3, 2}),
                       tensor({8}),
                       tensor({0}),
                       tensor({1, 1, 1}),
                       tensor({8}, {{"$strides", {0}}, {"$numel", 1}}),
                       tensor({2, 3}, {{"$strides", {0, 1}}, {"$numel", 3}}),
                       tensor({2, 3}, {{"$type", "LongStorage"}}),
                       tensor({2}, {{"$type", "BoolStorage"}}),
                       tensor({}, {{"$type", "ComplexFloatStorage"}}),
                       {tensor({8}), tensor({8})}};
  std::size_t loaded = 0, refused = 0;
  for (const char* name : kNames) {
    const Json flat = saved(name).flatten();
    std::vector<std::string> paths;  // of all values but the insides of tensors, and what is above
    for (const auto& [leaf, value] : flat.items()) {
      for (Pointer path(leaf.substr(0, leaf.find("/$"))); !path.empty();
           path = path.parent_pointer()) {
        paths.push_back(path.to_string());
      }
    }
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    for (const std::string& path : paths) {
      for (const Json& value : junk) {
        SCOPED_TRACE(c10::str(name, path, " = ", value.dump()));
        const bool ok = load_saved(name, changed({name, path.c_str(), value, {}, ""})).ok();
        ++(ok ? loaded : refused);
      }
    }
  }
  EXPECT_GE(loaded, 500u);
  EXPECT_GE(refused, 2000u);
}

}  // namespace
}  // namespace hardload
