// load and load_into on files before torch 1.6: in every mode, with nothing to verify, and one
// checkpoint behind another. That they hold what torch reads from them is in load_test.cc.

#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "loader/torch/save.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

const std::string kGolden = "data/golden/";

TEST(LoadOldFormats, NothingOfThemIsVerified) {
  for (const char* name : {"legacy_state.pt", "tar_state.pt"}) {
    for (const bool mapped : {false, true}) {
      const auto checkpoint = load(kGolden + name, {.mapped = mapped});
      ASSERT_OK(checkpoint) << name;
      EXPECT_EQ(checkpoint->report().verified_bytes, 0u);
    }
    EXPECT_GT(load(kGolden + name)->report().bytes, 0u);
  }
}

// Slices of one storage are one memory again.
TEST(LoadOldFormats, SlicesShareMemory) {
  auto stream = load(kGolden + "legacy_slices.pt");
  ASSERT_OK(stream);
  const at::Tensor all = stream->tensor("all").value(), tail = stream->tensor("tail_again").value();
  EXPECT_TRUE(at::equal(tail, all.slice(0, 4)));
  all.fill_(7);
  EXPECT_TRUE(at::equal(tail, all.slice(0, 4)));
  auto tar = load(kGolden + "tar_state.pt");
  ASSERT_OK(tar);
  EXPECT_TRUE(tar->tensor("of_slice")->is_alias_of(*tar->tensor("weight")));
  EXPECT_TRUE(tar->tensor("weight_again")->is_same(*tar->tensor("weight")));
}

TEST(LoadOldFormats, TheNextObjectOfAStreamBeginsWhereTheFirstEnds) {
  const std::string path = kGolden + "legacy_two_in_one.pt";
  const auto first = load(path);
  ASSERT_OK(first);
  EXPECT_OK(first->tensor("a"));
  const std::uint64_t following = first->manifest().container().following();
  ASSERT_GT(following, 0u);
  const auto second = load(path, {.offset = std::filesystem::file_size(path) - following});
  ASSERT_OK(second);
  EXPECT_TRUE(at::equal(second->tensor("b").value(), first->tensor("a").value()));
  EXPECT_EQ(second->manifest().container().following(), 0u);
}

TEST(LoadOldFormats, IntoAModuleInBothModes) {
  const auto state = load(kGolden + "legacy_state.pt");
  ASSERT_OK(state);
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    torch::nn::Sequential net(torch::nn::Conv2d(1, 2, 3), torch::nn::BatchNorm2d(2),
                              torch::nn::Linear(1, 1), torch::nn::Linear(1, 1),
                              torch::nn::Linear(8, 3));
    ASSERT_OK(load_into(*net, kGolden + "legacy_state.pt",
                        {.mode = mode, .state_dict = {.strict = false}}));
    EXPECT_TRUE(at::equal(net->named_parameters()["0.weight"], *state->tensor("0.weight")));
    EXPECT_TRUE(at::equal(net->named_buffers()["1.running_var"], *state->tensor("1.running_var")));
    EXPECT_TRUE(at::equal(net->named_parameters()["4.bias"], *state->tensor("4.bias")));
  }
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    torch::nn::Linear linear(torch::nn::LinearOptions(4, 3).bias(false));
    ASSERT_OK(load_into(*linear, kGolden + "tar_state.pt",
                        {.mode = mode, .state_dict = {.strict = false}}));
    EXPECT_TRUE(at::equal(linear->weight.flatten(), at::arange(12, at::kFloat)));
  }
}

TEST(LoadOldFormats, SavedAgainTheyAreZips) {
  const std::string copy = testing::write_temporary("again.pt", "");
  ASSERT_OK(save(*load(kGolden + "legacy_shared.pt"), copy));
  const auto again = load(copy);
  ASSERT_OK(again);
  EXPECT_EQ(again->manifest().container().format(), Format::kTorchZip);
  EXPECT_EQ(again->report().verified_bytes, again->report().bytes);
  EXPECT_TRUE(again->tensor("head")->is_alias_of(*again->tensor("all")));
}

}  // namespace
}  // namespace hardload
