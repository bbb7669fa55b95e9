// What LibTorch's own functions wrote comes back into the modules that it was written from.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "loader/torch/load_state_dict.h"
#include "loader/torch/save.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// A file of the test's own folder, which does not exist yet.
std::string temporary(const std::string& name) {
  const std::string path = testing::write_temporary(name, "");
  std::filesystem::remove(path);
  return path;
}

struct Net : torch::nn::Module {
  torch::nn::Linear fc = register_module("fc", torch::nn::Linear(3, 2));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(2));
  torch::nn::Sequential blocks = register_module(
      "blocks", torch::nn::Sequential(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2)));
  at::Tensor scale = register_parameter("scale", at::ones({2}));
  at::Tensor steps = register_buffer("steps", at::arange(3));
};

std::string saved(const std::shared_ptr<Net>& net) {
  const std::string path = temporary("net.pt");
  torch::save(net, path);
  return path;
}

void expect_equal(const Net& a, const Net& b) {
  const auto parameters = b.named_parameters();
  ASSERT_EQ(a.named_parameters().size(), parameters.size());
  for (const auto& item : a.named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), parameters[item.key()])) << item.key();
  }
  const auto buffers = b.named_buffers();
  ASSERT_EQ(a.named_buffers().size(), buffers.size());
  for (const auto& item : a.named_buffers()) {
    EXPECT_TRUE(at::equal(item.value(), buffers[item.key()])) << item.key();
  }
}

TEST(LoadScript, AModuleOfTorchSaveFitsItsModuleStrictly) {
  const auto net = std::make_shared<Net>();
  net->steps.fill_(9);
  const std::string path = saved(net);
  const auto checkpoint = load(path);
  ASSERT_OK(checkpoint);
  const auto state = checkpoint->state_dict();
  ASSERT_OK(state);
  Net other;
  EXPECT_OK(load_state_dict(other, *state));
  expect_equal(*net, other);
  // A module in it, by its path.
  torch::nn::Linear linear(3, 2);
  const auto part = checkpoint->state_dict("fc");
  ASSERT_OK(part);
  EXPECT_OK(load_state_dict(*linear, *part));
  EXPECT_TRUE(at::equal(linear->weight, net->fc->weight));
}

TEST(LoadScript, LoadIntoReadsWhatTheModuleTakes) {
  const auto net = std::make_shared<Net>();
  net->steps.fill_(9);
  const std::string path = saved(net);
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    Net other;
    EXPECT_OK(load_into(other, path, {.mode = mode}));
    expect_equal(*net, other);
    torch::nn::Linear linear(3, 2);
    EXPECT_OK(load_into(*linear, path, {.path = {"fc"}, .mode = mode}));
    EXPECT_TRUE(at::equal(linear->weight, net->fc->weight));
  }
}

TEST(LoadScript, OnlyTheChosenTensorsAreInTheStateDict) {
  const auto checkpoint = load("data/libtorch/cpp_module.pt", {.only = {"fc.*"}});
  ASSERT_OK(checkpoint);
  const auto state = checkpoint->state_dict();
  ASSERT_OK(state);
  ASSERT_EQ(state->entries.size(), 2u);
  EXPECT_EQ(state->entries[0].key, "fc.weight");
  EXPECT_EQ(state->entries[1].key, "fc.bias");
}

TEST(LoadScript, TensorsAndVectorsOfThemAreUnderTheirNumbers) {
  const at::Tensor turned = at::arange(6).view({2, 3}).t();
  const std::string path = temporary("tensor.pt");
  torch::save(turned, path);
  const auto one = load(path);
  ASSERT_OK(one);
  EXPECT_TRUE(at::equal(one->tensor("0").value(), turned));
  EXPECT_EQ(one->tensor("0")->strides(), turned.strides());
  torch::save(std::vector<at::Tensor>{at::ones({2}), turned}, path);
  const auto two = load(path);
  ASSERT_OK(two);
  EXPECT_TRUE(at::equal(two->tensor("1").value(), turned));
}

TEST(LoadScript, AttributesAreValuesAndNotInTheStateDictUnlessTensors) {
  const auto checkpoint = load("data/libtorch/script_attributes.pt");
  ASSERT_OK(checkpoint);
  const Value root = checkpoint->root();
  EXPECT_EQ(root.find("large")->as_int(), std::int64_t{1} << 40);
  EXPECT_EQ(root.find("sizes")->item(1).as_int(), 2);
  const auto state = checkpoint->state_dict();
  ASSERT_OK(state);
  std::vector<std::string> keys;
  for (const auto& entry : state->entries) keys.push_back(entry.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"weight", "steps", "scratch", "plain"}));
}

TEST(LoadScript, AStateDictOfItIsSavedButTheObjectIsNot) {
  const auto checkpoint = load("data/libtorch/script_tree.pt");
  ASSERT_OK(checkpoint);
  const std::string path = temporary("copy.pt");
  EXPECT_OK(save(checkpoint->state_dict().value(), path));
  const auto copy = load(path);
  ASSERT_OK(copy);
  EXPECT_EQ(copy->manifest().named_tensors().size(), checkpoint->state_dict()->entries.size());
  EXPECT_ERROR(save(*checkpoint, path), ErrorKind::kUnsupported, "torch.ScriptObject");
}

}  // namespace
}  // namespace hardload
