// load_state_dict: what is copied, how, and that it is all or nothing. (Keys and messages:
// tests/match/, tests/lesson/.)

#include "loader/torch/load_state_dict.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "loader/torch/state_dict.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// A module without layers, to which tests add what they need.
struct Parts : torch::nn::Module {
  at::Tensor& parameter(const std::string& name, at::Tensor value) {
    return register_parameter(name, std::move(value));
  }
  at::Tensor& buffer(const std::string& name, at::Tensor value) {
    return register_buffer(name, std::move(value));
  }
};

StateDict::Entry entry(std::string key, at::Tensor tensor) { return {std::move(key), tensor, {}}; }

TEST(LoadStateDict, KeepsTheTargetsDtypeStridesAndIdentity) {
  Parts module;
  const at::Tensor half = module.parameter("half", at::zeros({2, 3}, at::kHalf));
  const at::Tensor turned = module.parameter("turned", at::zeros({3, 2}).t());
  const void* memory = half.data_ptr();
  ASSERT_OK(load_state_dict(module, {{entry("half", at::arange(6).reshape({2, 3})),
                                      entry("turned", at::arange(6.).reshape({2, 3}))},
                                     {}}));
  EXPECT_EQ(half.scalar_type(), at::kHalf);
  EXPECT_EQ(half.data_ptr(), memory);
  EXPECT_TRUE(half.requires_grad());
  EXPECT_EQ(half[1][2].item<float>(), 5);
  EXPECT_EQ(turned.strides(), at::IntArrayRef({1, 2}));
  EXPECT_EQ(turned[0][2].item<float>(), 2);
}

TEST(LoadStateDict, TellsAutogradThatParametersChanged) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::full({2}, 3.));
  const at::Tensor loss = (weight * weight).sum();
  ASSERT_OK(load_state_dict(module, {{entry("w", at::ones({2}))}, {}}));
  EXPECT_ANY_THROW(loss.backward());  // it needs the value that was overwritten
}

TEST(LoadStateDict, AppliesConjAndNegBits) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({2}, at::kComplexFloat));
  const at::Tensor saved = at::arange(1., 5.).to(at::kFloat).view(at::kComplexFloat);
  ASSERT_OK(load_state_dict(module, {{entry("w", saved.conj())}, {}}));
  EXPECT_EQ(weight[1].item<c10::complex<float>>(), c10::complex<float>(3, -4));
}

// K12
TEST(LoadStateDict, OneElementLoadsIntoAScalar) {
  Parts module;
  const at::Tensor scalar = module.buffer("s", at::zeros({}));
  ASSERT_OK(load_state_dict(module, {{entry("s", at::full({1}, 4.))}, {}}));
  EXPECT_EQ(scalar.item<float>(), 4);
  ASSERT_OK(load_state_dict(module, {{entry("s", at::full({1}, 5.).to_sparse())}, {}}));
  EXPECT_EQ(scalar.item<float>(), 5);  // an element of a sparse tensor is dense
}

// PyTorch takes its only element first, and then tells the shape of that.
TEST(LoadStateDict, OneElementThatCannotBeCopiedIsToldAsAScalar) {
  Parts module;
  module.buffer("s", at::zeros({}));
  const auto refused = load_state_dict(module, {{entry("s", at::ones({1}, at::kMeta))}, {}});
  EXPECT_ERROR(refused, ErrorKind::kKey,
               "whose dimensions in the checkpoint are torch.Size([]), an exception occurred : "
               "('Cannot copy out of meta tensor; no data!',).");
  EXPECT_NE(refused.error().advice().find("without map_location \"meta\""), std::string::npos);
}

// K11
TEST(LoadStateDict, LastOfTiedParametersWins) {
  Parts module;
  const at::Tensor tied = module.parameter("a", at::zeros({2}));
  module.parameter("b", tied);
  ASSERT_OK(
      load_state_dict(module, {{entry("b", at::full({2}, 2.)), entry("a", at::ones({2}))}, {}}));
  EXPECT_EQ(tied[0].item<float>(), 2);  // a, then b, in the module's order
}

TEST(LoadStateDict, HandlesNullChildrenAndSharedNames) {
  auto child = std::make_shared<Parts>();
  child->parameter("weight", at::zeros({1}));
  Parts module;
  module.parameter("a", at::zeros({1}));
  module.buffer("a", at::zeros({1}));
  module.register_module("a", child);
  module.register_module("none", std::shared_ptr<Parts>());
  module.parameter("undefined", at::Tensor());
  const auto keys =
      load_state_dict(module,
                      {{entry("a", at::ones({1})), entry("a.weight", at::ones({1})),
                        entry("none.weight", at::ones({1})), entry("undefined", at::ones({1}))},
                       {}},
                      {.strict = false});
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->missing_keys.empty());
  EXPECT_EQ(keys->unexpected_keys, std::vector<std::string>{"undefined"});
  EXPECT_EQ(module.named_parameters(false)["a"].item<float>(), 1);
  EXPECT_EQ(module.named_buffers(false)["a"].item<float>(), 1);
  EXPECT_EQ(child->named_parameters(false)["weight"].item<float>(), 1);
}

TEST(LoadStateDict, WhatIsMissingStaysAsItWas) {
  Parts module;
  const at::Tensor first = module.parameter("first", at::zeros({2}));
  const at::Tensor second = module.parameter("second", at::full({2}, 7.));
  const auto keys =
      load_state_dict(module, {{entry("first", at::ones({2}))}, {}}, {.strict = false});
  ASSERT_OK(keys);
  EXPECT_EQ(keys->missing_keys, std::vector<std::string>{"second"});
  EXPECT_TRUE(at::equal(first, at::ones({2})));
  EXPECT_TRUE(at::equal(second, at::full({2}, 7.)));
}

TEST(LoadStateDict, KeepsNothingOfTheStateDict) {
  Parts module;
  module.parameter("w", at::zeros({2}));
  const at::Tensor saved = at::ones({2});
  for (const char* key : {"w", "unexpected"}) {
    (void)load_state_dict(module, {{entry(key, saved)}, {}});
    EXPECT_EQ(saved.use_count(), 1u) << key;
    EXPECT_EQ(saved.storage().use_count(), 1u) << key;
  }
}

// Each of these cannot be loaded, and is found out after other tensors could have been copied.
TEST(LoadStateDict, ChangesNothingWhereATargetCannotBeWritten) {
  const auto expect_unchanged = [](auto add_target, const at::Tensor& saved, ErrorKind kind,
                                   std::string_view part) {
    Parts module;
    const at::Tensor first = module.parameter("first", at::zeros({2}));
    add_target(module);
    const auto result =
        load_state_dict(module, {{entry("first", at::ones({2})), entry("second", saved)}, {}});
    EXPECT_ERROR(result, kind, part);
    EXPECT_TRUE(at::equal(first, at::zeros({2}))) << part;
  };
  expect_unchanged([](Parts& m) { m.buffer("second", at::zeros({3}, at::kMeta)); }, at::ones({3}),
                   ErrorKind::kUnsupported, "'second' is on the meta device");
  expect_unchanged([](Parts& m) { m.buffer("second", at::zeros({3})); }, at::ones({3}, at::kMeta),
                   ErrorKind::kKey, "('Cannot copy out of meta tensor; no data!',).");
  expect_unchanged([](Parts& m) { m.buffer("second", at::zeros({1}).expand({3})); }, at::ones({3}),
                   ErrorKind::kUnsupported, "'second'");
  expect_unchanged([](Parts& m) { m.buffer("second", at::zeros({3})); }, at::ones({4}),
                   ErrorKind::kKey, "size mismatch for second");
  expect_unchanged(
      [](Parts& m) {
        const c10::InferenceMode inference;
        m.buffer("second", at::zeros({3}));
      },
      at::ones({3}), ErrorKind::kUnsupported, "'second' is an inference tensor");
}

TEST(LoadStateDict, LoadsInferenceTensorsInInferenceMode) {
  const c10::InferenceMode inference;
  Parts module;
  const at::Tensor buffer = module.buffer("b", at::zeros({3}));
  ASSERT_OK(load_state_dict(module, {{entry("b", at::ones({3}))}, {}}));
  EXPECT_TRUE(at::equal(buffer, at::ones({3})));
}

TEST(LoadStateDict, ClassNameOfMessagesCanBeChosen) {
  Parts module;
  const StateDict state{{entry("x", at::ones({1}))}, {}};
  EXPECT_ERROR(load_state_dict(module, state), ErrorKind::kKey, "state_dict for Parts:\n\t");
  EXPECT_ERROR(load_state_dict(module, state, {.class_name = "Mine"}), ErrorKind::kKey,
               "state_dict for Mine:\n\t");
}

// What a terminal is shown is escaped, what a program compares is not.
TEST(LoadStateDict, KeysAreEscapedForDisplayOnly) {
  Parts module;
  const auto result = load_state_dict(module, {{entry("\x1b[31m", at::ones({1}))}, {}});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().problem().find("\"\x1b[31m\""), std::string::npos);
  EXPECT_EQ(result.error().display().find('\x1b'), std::string::npos);
  EXPECT_NE(result.error().display().find("\n\tUnexpected key(s) in state_dict: \"\\x1b[31m\". "),
            std::string::npos);
}

}  // namespace
}  // namespace hardload
