// load_state_dict: prefixes, rename rules, and what options excuse; what is reported.

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include "loader/bytes/memory_source.h"
#include "loader/hardload.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"
#include "tests/torch/parts.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::entry;
using testing::Parts;
using testing::PickleBuilder;
using Keys = std::vector<std::string>;

TEST(LoadStateDictOptions, KeysAreRewritten) {
  Parts module;
  const at::Tensor weight = module.parameter("w", at::zeros({1}));
  const auto load_with = [&](const std::string& key, const LoadStateDictOptions& options) {
    at::NoGradGuard no_grad;
    weight.zero_();
    const auto result = load_state_dict(module, {{entry(key, at::ones({1}))}, {}}, options);
    return result.ok() && weight.item<float>() == 1;
  };
  EXPECT_TRUE(load_with("module.w", {.strip_prefix = "module."}));
  EXPECT_TRUE(load_with("w", {.strip_prefix = "module."}));
  EXPECT_TRUE(load_with("kernel", {.renames = {{"kernel", "w"}}}));
  EXPECT_TRUE(
      load_with("_orig_mod.kernel", {.strip_prefix = "_orig_mod.", .renames = {{"kernel", "w"}}}));
  EXPECT_FALSE(load_with("module.w", {}));
  Parts outer;
  outer.register_module("net", std::make_shared<Parts>())->parameter("w", at::zeros({1}));
  EXPECT_OK(load_state_dict(outer, {{entry("w", at::ones({1}))}, {}}, {.add_prefix = "net."}));
}

// The versions in `_metadata` follow: BatchNorm's counter is missing only from version 2 on.
TEST(LoadStateDictOptions, VersionsFollowTheKeys) {
  torch::nn::BatchNorm1d norm(2);
  StateDict state;
  for (const char* key : {"weight", "bias", "running_mean", "running_var"}) {
    state.entries.push_back(entry(std::string("module.") + key, at::ones({2})));
  }
  const LoadStateDictOptions strip = {.strip_prefix = "module."};
  state.versions = {{"", 1}, {"module", 2}};
  EXPECT_ERROR(load_state_dict(*norm, state, strip), ErrorKind::kKey,
               "Missing key(s) in state_dict: \"num_batches_tracked\". ");
  state.versions = {{"", 2}, {"module", 1}};
  EXPECT_OK(load_state_dict(*norm, state, strip));
}

// K06
TEST(LoadStateDictOptions, TwoKeysThatBecomeOneAreNamed) {
  Parts module;
  module.parameter("w", at::zeros({1}));
  const StateDict state = {{entry("w", at::ones({1})), entry("module.w", at::ones({1}))}, {}};
  EXPECT_ERROR(load_state_dict(module, state, {.strip_prefix = "module."}), ErrorKind::kKey,
               "make one key, 'w', of two: 'w' and 'module.w'");
  const StateDict twice = {{entry("w", at::ones({1})), entry("w", at::ones({1}))}, {}};
  EXPECT_ERROR(load_state_dict(module, twice), ErrorKind::kKey, "two entries with the key 'w'");
}

TEST(LoadStateDictOptions, MismatchedShapesAreSkipped) {
  torch::nn::Linear module(3, 2);
  const at::Tensor before = module->weight.detach().clone();
  const StateDict state = {{entry("weight", at::ones({5, 3})), entry("bias", at::ones({2}))}, {}};
  EXPECT_FALSE(load_state_dict(*module, state, {.strict = false}).ok());
  const auto keys = load_state_dict(*module, state, {.skip_mismatched_shapes = true});
  ASSERT_OK(keys);
  ASSERT_EQ(keys->mismatched_keys.size(), 1u);
  EXPECT_EQ(keys->mismatched_keys[0].key, "weight");
  EXPECT_EQ(keys->mismatched_keys[0].saved, (std::vector<std::int64_t>{5, 3}));
  EXPECT_EQ(keys->mismatched_keys[0].model, (std::vector<std::int64_t>{2, 3}));
  EXPECT_TRUE(at::equal(module->weight, before));
  EXPECT_TRUE(at::equal(module->bias, at::ones({2})));
}

TEST(LoadStateDictOptions, TiedNamesAreAccepted) {
  Parts module;
  const at::Tensor tied = module.parameter("embed", at::zeros({2}));
  module.parameter("lm_head", tied);
  const StateDict state = {{entry("embed", at::ones({2}))}, {}};
  const auto refused = load_state_dict(module, state);
  EXPECT_ERROR(refused, ErrorKind::kKey, "Missing key(s) in state_dict: \"lm_head\". ");
  EXPECT_NE(refused.error().advice().find("options.accept_tied_names = true"), std::string::npos);
  const auto keys = load_state_dict(module, state, {.accept_tied_names = true});
  ASSERT_OK(keys);
  EXPECT_EQ(keys->tied_keys, Keys{"lm_head"});
  EXPECT_TRUE(keys->missing_keys.empty());
  EXPECT_EQ(tied[1].item<float>(), 1);
}

TEST(LoadStateDictOptions, GlobsExcuseKeys) {
  Parts module;
  module.parameter("w", at::zeros({1}));
  module.buffer("rope_inv_freq", at::zeros({1}));
  const StateDict state = {{entry("w", at::ones({1})), entry("ema.w", at::ones({1}))}, {}};
  EXPECT_OK(load_state_dict(module, state,
                            {.optional_keys = {"*_inv_freq"}, .ignore_unexpected = {"ema.*"}}));
  EXPECT_FALSE(load_state_dict(module, state, {.optional_keys = {"*_inv_freq"}}).ok());
  EXPECT_FALSE(load_state_dict(module, state, {.ignore_unexpected = {"ema.*"}}).ok());
}

// {'w': tensor, '_extra_state': {'scale': 7}, 'fc._extra_state': tensor}, for a module with fc.
TEST(LoadStateDictOptions, ExtraStateIsHandedOut) {
  PickleBuilder pickle;
  pickle.empty_dict().mark();
  pickle.text("w").tensor("FloatStorage", "0", 1, {1}, {1});
  pickle.text("_extra_state").empty_dict().mark().text("scale").integer(7).op('u');
  pickle.text("fc._extra_state").tensor("FloatStorage", "0", 1, {1}, {1});
  const std::string file = CheckpointBuilder()
                               .pickle(pickle.op('u').stop())
                               .storage("0", std::string("\0\0\x80\x3f", 4))
                               .build();
  // Nothing of the checkpoint but the state dict lives on.
  const StateDict state = load(std::make_shared<MemorySource>(testing::as_bytes(file), "test"))
                              .value()
                              .state_dict()
                              .value();
  Parts module;
  module.parameter("w", at::zeros({1}));
  module.register_module("fc", std::make_shared<Parts>());

  EXPECT_ERROR(load_state_dict(module, state), ErrorKind::kKey,
               "Unexpected key(s) in state_dict: \"_extra_state\", \"fc._extra_state\". ");
  Keys paths;
  LoadStateDictOptions options;
  options.take_extra_state = [&](std::string_view path, const StateDictEntry& e) -> Result<void> {
    paths.emplace_back(path);
    if (path.empty()) {
      EXPECT_EQ(e.value->value.find("scale")->as_int(), 7);
      EXPECT_EQ(e.value->checkpoint.tensors().size(), 2u);
    } else {
      EXPECT_EQ(e.tensor.item<float>(), 1);
    }
    EXPECT_EQ(module.parameters()[0].item<float>(), 0);  // not yet
    return {};
  };
  ASSERT_OK(load_state_dict(module, state, options));
  EXPECT_EQ(paths, (Keys{"", "fc"}));
  EXPECT_EQ(module.parameters()[0].item<float>(), 1);

  // Of a module that is not there: still unexpected.
  StateDict more = state;
  more.entries.push_back(entry("gone._extra_state", at::ones({1})));
  EXPECT_ERROR(load_state_dict(module, more, options), ErrorKind::kKey,
               "Unexpected key(s) in state_dict: \"gone._extra_state\". ");
}

TEST(LoadStateDictOptions, TheReportIsFilledWhereTheLoadIsRefused) {
  torch::nn::Linear module(3, 2);
  IncompatibleKeys report;
  const StateDict state = {
      {entry("module.weight", at::ones({2, 3})), entry("module.bias", at::ones({2}))}, {}};
  EXPECT_FALSE(load_state_dict(*module, state, {.report = &report}).ok());
  EXPECT_EQ(report.missing_keys, (Keys{"weight", "bias"}));
  EXPECT_EQ(report.unexpected_keys, (Keys{"module.weight", "module.bias"}));
  ASSERT_NE(report.diagnosis, nullptr);
  EXPECT_EQ(report.diagnosis->cause, Diagnosis::Cause::kPrefix);
  EXPECT_EQ(report.diagnosis->remedy, "options.strip_prefix = \"module.\"");
  // strict = false loads nothing, says so to nobody, and is why people come to look here.
  const auto keys = load_state_dict(*module, state, {.strict = false});
  ASSERT_OK(keys);
  ASSERT_NE(keys->diagnosis, nullptr);
  EXPECT_EQ(keys->diagnosis->remedy, report.diagnosis->remedy);
  EXPECT_EQ(load_state_dict(*module, state, {.strip_prefix = "module."})->diagnosis, nullptr);
}

// K10: problem() is PyTorch's text, whole; what people see ends.
TEST(LoadStateDictOptions, MessagesForPeopleEnd) {
  Parts module;
  StateDict state;
  for (int i = 0; i < 5000; ++i) {
    state.entries.push_back(entry("name" + std::to_string(i), at::ones({1})));
  }
  state.entries.push_back(entry(std::string(100'000, 'x'), at::ones({1})));
  IncompatibleKeys report;
  const auto result = load_state_dict(module, state, {.report = &report});
  ASSERT_FALSE(result.ok());
  EXPECT_GT(result.error().problem().size(), 150'000u);
  EXPECT_LT(result.error().display().size(), 5'000u);
  EXPECT_NE(result.error().display().find("\"name99\", ... 4901 more. "), std::string::npos);
  EXPECT_EQ(report.unexpected_keys.size(), 5001u);
}

}  // namespace
}  // namespace hardload
