// assign: parameters take the state dict's tensors and stay the same objects, and everything that
// holds them follows: the module's members, ties, optimizers, autograd, recurrent layers.

#include "loader/torch/prepare_assign.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/optim/sgd.h>

#include "loader/torch/load_state_dict.h"
#include "tests/support/matchers.h"
#include "tests/torch/parts.h"

namespace hardload {
namespace {

using testing::entry;
using testing::Parts;

LoadStateDictOptions assigning() {
  LoadStateDictOptions options;
  options.assign = true;
  return options;
}

// The state dict of a C++ module, with copies of its tensors.
StateDict state_of(const torch::nn::Module& module, c10::ScalarType dtype = at::kFloat) {
  StateDict state;
  for (const auto& parameter : module.named_parameters()) {
    state.entries.push_back(
        entry(parameter.key(), parameter.value().detach().to(dtype, false, true)));
  }
  return state;
}

// Puts a parameter on the meta device, which Module::to() cannot.
void forget(at::Tensor tensor) {
  const at::Tensor meta = at::empty(tensor.sizes(), tensor.options().device(at::kMeta));
  tensor.unsafeGetTensorImpl()->shallow_copy_from(meta.getIntrusivePtr());
}

TEST(Assign, TakesDtypeStridesAndMemoryAndKeepsTheObject) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2, 3}));
  const at::Tensor frozen = module.parameter("f", at::zeros({2}), /*requires_grad=*/false);
  const at::Tensor buffer = module.buffer("b", at::zeros({2}, at::kLong));
  const at::Tensor turned = at::arange(6, at::kDouble).reshape({3, 2}).t();
  const auto version = weight._version();
  ASSERT_OK(load_state_dict(
      module,
      {{entry("w", turned), entry("f", at::ones({2}, at::kHalf)), entry("b", at::full({2}, 2.5))},
       {}},
      assigning()));
  EXPECT_EQ(weight.data_ptr(), turned.data_ptr());
  EXPECT_EQ(weight.scalar_type(), at::kDouble);
  EXPECT_EQ(weight.strides(), at::IntArrayRef({1, 2}));
  EXPECT_TRUE(weight.requires_grad());
  EXPECT_TRUE(weight.is_leaf());
  EXPECT_GT(weight._version(), version);
  EXPECT_FALSE(frozen.requires_grad());
  EXPECT_EQ(frozen.scalar_type(), at::kHalf);
  EXPECT_EQ(buffer[1].item<double>(), 2.5);
  EXPECT_TRUE(module.named_parameters()["w"].is_same(weight));
}

TEST(Assign, AllowsOtherStridesButNotOtherShapes) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2, 2}));
  EXPECT_ERROR(load_state_dict(module, {{entry("w", at::ones({4}))}, {}}, assigning()),
               ErrorKind::kKey, "size mismatch for w");
  EXPECT_OK(load_state_dict(module, {{entry("w", at::ones({2, 2}).t())}, {}}, assigning()));
  Parts scalar;
  scalar.buffer("s", at::zeros({}));
  ASSERT_OK(load_state_dict(scalar, {{entry("s", at::full({1}, 4.))}, {}}, assigning()));
  EXPECT_EQ(scalar.named_buffers()["s"].dim(), 0);
  EXPECT_EQ(scalar.named_buffers()["s"].item<float>(), 4);
}

TEST(Assign, TiesAndOptimizersFollow) {
  Parts module;
  const at::Tensor tied = module.parameter("a", at::zeros({2}));
  module.parameter("b", tied);
  torch::optim::SGD optimizer({tied}, torch::optim::SGDOptions(0.5));
  ASSERT_OK(load_state_dict(
      module, {{entry("a", at::ones({2})), entry("b", at::full({2}, 3.))}, {}}, assigning()));
  EXPECT_TRUE(module.named_parameters()["a"].is_same(module.named_parameters()["b"]));
  EXPECT_EQ(tied[0].item<float>(), 3);  // the last name wins
  tied.sum().backward();
  optimizer.step();
  EXPECT_EQ(module.named_parameters()["b"][0].item<float>(), 2.5);
}

// A graph from before: it may not be differentiated with the new values, and may not leave its mark
// on the gradients of the new ones, which are of another dtype.
TEST(Assign, AutogradKnows) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::full({2}, 3.));
  weight.sum().backward();
  ASSERT_TRUE(weight.grad().defined());
  const at::Tensor old_loss = (weight * weight).sum();  // holds the accumulator of the old dtype
  ASSERT_OK(
      load_state_dict(module, {{entry("w", at::full({2}, 5., at::kDouble))}, {}}, assigning()));
  EXPECT_FALSE(weight.grad().defined());
  EXPECT_ANY_THROW(old_loss.backward());
  (weight * weight).sum().backward();
  ASSERT_TRUE(weight.grad().defined());
  EXPECT_EQ(weight.grad().scalar_type(), at::kDouble);
  EXPECT_EQ(weight.grad()[0].item<double>(), 10);
}

// What a gradient is computed through is not written to by whoever trains the module.
TEST(Assign, CopiesWhatRequiresGradients) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2}));
  const at::Tensor other = at::full({2}, 3.).requires_grad_();
  for (const at::Tensor& saved : {other, other * 2}) {
    ASSERT_OK(load_state_dict(module, {{entry("w", saved)}, {}}, assigning()));
    EXPECT_NE(weight.data_ptr(), saved.data_ptr());
    EXPECT_TRUE(weight.is_leaf());
    EXPECT_TRUE(at::equal(weight, saved));
  }
}

TEST(Assign, FillsModulesOnTheMetaDevice) {
  torch::nn::Linear there(3, 2), here(3, 2);
  const StateDict state = state_of(*there);
  for (const at::Tensor& parameter : here->parameters()) forget(parameter);
  const auto refused = load_state_dict(*here, state);
  EXPECT_ERROR(refused, ErrorKind::kUnsupported,
               "'weight' is on the meta device and has no memory to copy to (so are 2 of the 2");
  EXPECT_NE(refused.error().advice().find("options.assign = true"), std::string::npos);
  ASSERT_OK(load_state_dict(*here, state, assigning()));
  const at::Tensor input = at::arange(3, at::kFloat);
  const at::Tensor output = here->forward(input);
  EXPECT_TRUE(at::equal(output, there->forward(input)));
  output.sum().backward();
  EXPECT_TRUE(at::equal(here->bias.grad(), at::ones({2})));
  EXPECT_TRUE(at::equal(here->weight.grad()[1], input));
}

TEST(Assign, CountsWhatStaysOnTheMetaDevice) {
  torch::nn::Linear module(3, 2);
  StateDict state = state_of(*module);
  state.entries.pop_back();  // bias
  for (const at::Tensor& parameter : module->parameters()) forget(parameter);
  LoadStateDictOptions options = assigning();
  options.strict = false;
  const auto keys = load_state_dict(*module, state, options);
  ASSERT_OK(keys);
  EXPECT_EQ(keys->still_on_meta, std::vector<std::string>{"bias"});
}

// A tied name that is missing, of a parameter that gets its memory under the other.
TEST(Assign, WhatIsTiedIsNotStillOnMeta) {
  Parts module;
  const at::Tensor tied = module.parameter("a", at::zeros({2}));
  module.parameter("b", tied);
  forget(tied);
  LoadStateDictOptions options = assigning();
  options.accept_tied_names = true;
  IncompatibleKeys report;
  options.report = &report;
  const auto keys = load_state_dict(module, {{entry("b", at::ones({2}))}, {}}, options);
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->still_on_meta.empty());
  EXPECT_TRUE(report.still_on_meta.empty());
  EXPECT_EQ(keys->tied_keys, std::vector<std::string>{"a"});
  EXPECT_FALSE(tied.is_meta());
}

template <typename Layer>
at::Tensor output_of(Layer& layer, const at::Tensor& input) {
  return std::get<0>(layer->forward(input));
}

// Recurrent layers keep their weights in a second list: they compute the same after assign as after
// a plain copy, also where they begin on the meta device or end in another dtype.
template <typename Layer, typename Options>
void expect_layer_follows() {
  const Options options = Options(3, 4).num_layers(2).bidirectional(true);
  Layer saved(options), copied(options), assigned(options), from_meta(options), wide(options);
  const StateDict state = state_of(*saved);
  for (const at::Tensor& parameter : from_meta->parameters()) forget(parameter);
  ASSERT_OK(load_state_dict(*copied, state));
  ASSERT_OK(load_state_dict(*assigned, state, assigning()));
  ASSERT_OK(load_state_dict(*from_meta, state, assigning()));
  ASSERT_OK(load_state_dict(*wide, state_of(*saved, at::kDouble), assigning()));
  const at::Tensor input = at::arange(30, at::kFloat).reshape({5, 2, 3}) / 10;
  const at::Tensor expected = output_of(copied, input);
  EXPECT_TRUE(at::equal(expected, output_of(saved, input)));
  EXPECT_TRUE(at::equal(expected, output_of(assigned, input)));
  EXPECT_TRUE(at::equal(expected, output_of(from_meta, input)));
  const at::Tensor doubled = output_of(wide, input.to(at::kDouble));
  EXPECT_EQ(doubled.scalar_type(), at::kDouble);
  EXPECT_TRUE(doubled.to(at::kFloat).allclose(expected, 1e-5, 1e-6));
  output_of(assigned, input).sum().backward();
  output_of(copied, input).sum().backward();
  for (std::size_t i = 0; i < copied->parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(copied->parameters()[i].grad(), assigned->parameters()[i].grad())) << i;
  }
}

TEST(Assign, RecurrentLayersFollow) {
  expect_layer_follows<torch::nn::LSTM, torch::nn::LSTMOptions>();
  expect_layer_follows<torch::nn::GRU, torch::nn::GRUOptions>();
  expect_layer_follows<torch::nn::RNN, torch::nn::RNNOptions>();
}

TEST(Assign, KeepsConjugation) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2}, at::kComplexFloat));
  const at::Tensor saved = at::arange(1., 5.).to(at::kFloat).view(at::kComplexFloat);
  ASSERT_OK(load_state_dict(module, {{entry("w", saved.conj())}, {}}, assigning()));
  EXPECT_EQ(weight[1].item<c10::complex<float>>(), c10::complex<float>(3, -4));
}

TEST(Assign, InferenceTensorsAndOthersMeet) {
  at::Tensor frozen_source;
  {
    const c10::InferenceMode inference;
    frozen_source = at::ones({2});
    Parts frozen;
    const at::Tensor target = frozen.buffer("b", at::zeros({2}));
    StateDict state;
    {
      const c10::InferenceMode normal(false);
      state.entries.push_back(entry("b", at::ones({2})));
    }
    ASSERT_OK(load_state_dict(frozen, state, assigning()));
    EXPECT_TRUE(target.is_inference());
    EXPECT_TRUE(at::equal(target, at::ones({2})));
  }
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2}));
  ASSERT_OK(load_state_dict(module, {{entry("w", frozen_source)}, {}}, assigning()));
  EXPECT_FALSE(weight.is_inference());
  (weight * weight).sum().backward();
  EXPECT_TRUE(at::equal(weight.grad(), at::full({2}, 2.)));
}

// PyTorch's words for what it refuses, too; and those alone, where there are any.
TEST(Assign, RefusesWhatPyTorchRefuses) {
  Parts module;
  module.parameter("sparse", at::zeros({2}));
  module.parameter("w", at::zeros({2}));
  const StateDict state = {
      {entry("sparse", at::ones({2}).to_sparse()), entry("w", at::ones({2}, at::kLong))}, {}};
  const auto refused = load_state_dict(module, state, assigning());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().problem(),
            "Error(s) in loading state_dict for Parts:\n\tWhile copying the parameter named \"w\", "
            "whose dimensions in the model are torch.Size([2]) and whose dimensions in the "
            "checkpoint are torch.Size([2]), an exception occurred : ('Only Tensors of floating "
            "point and complex dtype can require gradients',).");
  const StateDict without_data = {
      {entry("sparse", at::ones({2})),
       entry("w", at::ones({2}, at::dtype(at::kLong).device(at::kMeta)))},
      {}};
  EXPECT_ERROR(load_state_dict(module, without_data, assigning()), ErrorKind::kKey,
               "('Only Tensors of floating");
  EXPECT_NE(refused.error().advice().find("load without assign, which casts"), std::string::npos);
}

TEST(Assign, SaysWhatItCannotDo) {
  Parts module;
  module.parameter("w", at::zeros({2}));
  const auto refused = [&](const at::Tensor& saved, std::string_view why) {
    EXPECT_ERROR(load_state_dict(module, {{entry("w", saved)}, {}}, assigning()),
                 ErrorKind::kUnsupported, why);
  };
  refused(at::ones({2}).to_sparse(), "'w' is not an ordinary strided tensor");
  refused(at::ones({2}, at::kMeta), "'w' is on the meta device in the state dict");
  Parts computed;
  computed.buffer("w", at::ones({2}).requires_grad_() * 2);
  EXPECT_ERROR(load_state_dict(computed, {{entry("w", at::ones({2}))}, {}}, assigning()),
               ErrorKind::kUnsupported, "'w' is computed from other tensors");
}

}  // namespace
}  // namespace hardload
