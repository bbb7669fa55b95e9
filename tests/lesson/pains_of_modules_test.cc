// The pains of pains_test.cc that show when a module does not match: for each, what the user did,
// the answer, and that doing what it says helps.

#include <memory>
#include <string>
#include <string_view>

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "loader/hardload.h"
#include "tests/lesson/net.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

Checkpoint saved(const std::string& name) { return load("data/lesson/" + name + ".pt").value(); }

// What the user is shown when `state` is loaded into `module`.
std::string shown(torch::nn::Module& module, const StateDict& state,
                  const LoadStateDictOptions& options = {}) {
  const auto result = load_state_dict(module, state, options);
  return result.ok() ? "it was loaded" : result.error().display();
}

void says(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), text.npos) << "does not say: " << part << '\n' << text;
}

// 10. Saved from DataParallel: every key is missing and every key unexpected (pytorch#3805).
TEST(Pain10, ThePrefixOfDataParallelIsNamedAndTakenOff) {
  Net net;
  const StateDict state = saved("data_parallel").state_dict().value();
  const std::string text = shown(net, state);
  says(text, "the file's keys begin with \"module.\", the model's do not");
  says(text, "Try options.strip_prefix = \"module.\"");
  EXPECT_OK(load_state_dict(net, state, {.strip_prefix = "module."}));
  EXPECT_EQ(net.fc->bias[2].item<float>(), 11.0f);
}

// 10, where a part of the model was wrapped: the prefix is inside of the keys.
TEST(Pain10, APrefixInsideOfKeysIsNamedAndRenamed) {
  Net net;
  StateDict state = saved("fits").state_dict().value();
  for (StateDict::Entry& entry : state.entries) {
    if (entry.key.starts_with("block1.")) entry.key.insert(7, "module.");
  }
  const std::string text = shown(net, state);
  says(text, "the file's keys contain \"module.\"");
  says(text, "Try options.renames = {{\"module\", \"\"}}");
  EXPECT_OK(load_state_dict(net, state, {.renames = {{"module", ""}}}));
}

// 11. Saved from a compiled model, and that from DataParallel (pytorch#101107).
TEST(Pain11, ThePrefixesOfCompiledModelsAreNamedAndTakenOff) {
  Net net;
  const StateDict state = saved("compiled_data_parallel").state_dict().value();
  const std::string text = shown(net, state);
  says(text, "the file's keys begin with \"_orig_mod.module.\"");
  says(text, "Try options.strip_prefix = \"_orig_mod.module.\"");
  EXPECT_OK(load_state_dict(net, state, {.strip_prefix = "_orig_mod.module."}));
}

// 12. A training checkpoint given as if it were a state dict (LiheYoung/UniMatch#31).
TEST(Pain12, TheDictThatFitsIsNamedWithItsScore) {
  Net net;
  const Checkpoint checkpoint = saved("nested");
  const std::string text = shown(net, checkpoint.state_dict().value());
  says(text, "the state dict is nested in the file: \"model\" has 18 of the 18 names");
  says(text, "Take checkpoint.state_dict(\"model\")");
  EXPECT_OK(load_state_dict(net, checkpoint.state_dict("model").value()));
}

// 13. The optimizer's state instead of the model's (s6juncheng/BERTMHC#2).
TEST(Pain13, AnOptimizersStateIsNamedAndWhereTheModelsIs) {
  TrainedNet net;
  const Checkpoint checkpoint = load("data/optimizer/adam.pt").value();
  const std::string text = shown(net, checkpoint.state_dict("optimizer").value());
  says(text, "this is the state of an optimizer (its keys are \"state\" and \"param_groups\")");
  says(text, "the model's is beside it. Try checkpoint.state_dict(\"model\")");
  EXPECT_OK(load_state_dict(net, checkpoint.state_dict("model").value()));
}

// 14. Another number of classes, and strict = false does not help (Helias/Car-Model-Recognition#2).
TEST(Pain14, OtherShapesStandSideBySideAndCanBeSkipped) {
  Net net;
  const StateDict state = saved("size_mismatch").state_dict().value();
  const std::string text = shown(net, state, {.strict = false});
  says(text, "the saved model has 5 outputs in \"fc\", this one 3 (number of classes)");
  says(text, "Try options.skip_mismatched_shapes = true");
  says(text, "fc.weight  [5, 4]       [3, 4]");
  const at::Tensor before = net.fc->weight.detach().clone();
  const auto keys = load_state_dict(net, state, {.skip_mismatched_shapes = true});
  ASSERT_OK(keys);
  EXPECT_EQ(keys->mismatched_keys.size(), 2u);
  EXPECT_TRUE(at::equal(net.fc->weight, before));
  EXPECT_EQ(net.block1->conv->weight.flatten()[3].item<float>(), 2.5f);  // the rest is loaded
}

// A language model whose output layer is its embedding, on `device`.
struct Table : torch::nn::Module {
  explicit Table(const at::Tensor& values) : weight(register_parameter("weight", values)) {}
  at::Tensor weight;
};
struct LanguageModel : torch::nn::Module {
  explicit LanguageModel(c10::Device device) {
    const at::Tensor words = at::zeros({5, 3}, device);
    embed = register_module("embed", std::make_shared<Table>(words));
    lm_head = register_module("lm_head", std::make_shared<Table>(words));
  }
  std::shared_ptr<Table> embed, lm_head;
};

// 17. Tied weights, which some writers save under one of their names
// (huggingface/transformers#30202).
TEST(Pain17, ATiedNameMayBeMissing) {
  LanguageModel model(c10::kCPU);
  const StateDict state = {{{"embed.weight", at::ones({5, 3}), {}}}, {}};
  const std::string text = shown(model, state);
  says(text, "\"lm_head.weight\" is the same parameter as \"embed.weight\", which is in the file");
  says(text, "Try options.accept_tied_names = true");
  EXPECT_OK(load_state_dict(model, state, {.accept_tied_names = true}));
  EXPECT_TRUE(at::equal(model.lm_head->weight, at::ones({5, 3})));
}

// 19. A module on the meta device, into which copying does nothing (pytorch#105963).
TEST(Pain19, AModuleWithoutMemoryIsNotPassedOver) {
  LanguageModel model(c10::kMeta);
  const StateDict state = {
      {{"embed.weight", at::ones({5, 3}), {}}, {"lm_head.weight", at::ones({5, 3}), {}}}, {}};
  const std::string text = shown(model, state);
  says(text,
       "'embed.weight' is on the meta device and has no memory to copy to (so are 2 of the 2");
  says(text, "Set options.assign = true");
  const auto keys = load_state_dict(model, state, {.assign = true});
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->still_on_meta.empty());
  EXPECT_TRUE(at::equal(model.lm_head->weight, at::ones({5, 3})));
}

}  // namespace
}  // namespace hardload
