// The lesson behind the project, row by row: loading a state dict as Python users know it.

#include <string>

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mse_loss.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

#include "loader/hardload.h"
#include "tests/lesson/net.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

StateDict state_of(const std::string& name) {
  return load("data/lesson/" + name + ".pt").value().state_dict().value();
}

// Copies of all parameters and buffers.
std::vector<at::Tensor> snapshot(const torch::nn::Module& module) {
  std::vector<at::Tensor> copies;
  for (const at::Tensor& tensor : module.parameters()) copies.push_back(tensor.detach().clone());
  for (const at::Tensor& tensor : module.buffers()) copies.push_back(tensor.detach().clone());
  return copies;
}

bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const at::Tensor& x, const at::Tensor& y) { return at::equal(x, y); });
}

// Row 1: load the file, then load the state into a model of the same architecture.
TEST(Lesson, TwoStepsGiveTheValuesThatPythonSaved) {
  Net net;
  auto checkpoint = load("data/lesson/fits.pt").value();
  auto keys = load_state_dict(net, checkpoint.state_dict().value());
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->missing_keys.empty());
  EXPECT_TRUE(keys->unexpected_keys.empty());
  // data/lesson/make.py: parameter i holds 0.5 * (0, 1, 2, ...) + i.
  EXPECT_EQ(net.scale.item<float>(), 0.0f);
  EXPECT_EQ(net.block1->conv->weight.flatten()[3].item<float>(), 2.5f);
  EXPECT_EQ(net.fc->bias[2].item<float>(), 11.0f);
  EXPECT_EQ(net.steps[1].item<std::int64_t>(), 11);
  EXPECT_EQ(net.block2->norm->num_batches_tracked.item<std::int64_t>(), 17);
}

// Row 2, Python to C++: torch.equal holds for every entry.
TEST(Lesson, EveryParameterEqualsThatOfTheFile) {
  Net net;
  const StateDict state = state_of("fits");
  ASSERT_OK(load_state_dict(net, state));
  std::size_t compared = 0;
  const auto compare = [&](const auto& named) {
    for (const StateDict::Entry& entry : state.entries) {
      if (entry.key != named.key()) continue;
      EXPECT_TRUE(at::equal(entry.tensor, named.value())) << entry.key;
      ++compared;
    }
  };
  for (const auto& parameter : net.named_parameters()) compare(parameter);
  for (const auto& buffer : net.named_buffers()) compare(buffer);
  EXPECT_EQ(compared, state.entries.size());
  EXPECT_EQ(compared, 18u);
}

// Row 4: a whole pickled model instead of its state.
TEST(Lesson, WholeModelIsRefusedByItsClass) {
  const auto loaded = load("data/lesson/whole_model.pt");
  ASSERT_TRUE(testing::is_error(loaded, ErrorKind::kGlobal, "whole pickled object (__main__.Net)"));
  EXPECT_NE(loaded.error().message().find("model.state_dict()"), std::string::npos);
  EXPECT_NE(loaded.error().message().find("torch.nn.modules.linear.Linear"), std::string::npos);
}

// Rows 5 and 6: the messages and results of PyTorch, character for character, with strict and
// without; nothing has changed after an error.
TEST(Lesson, MessagesAndResultsArePyTorchs) {
  const auto messages = nlohmann::json::parse(testing::read_file("data/lesson/messages.json"));
  EXPECT_GE(messages.size(), 16u);
  for (const auto& [name, expected] : messages.items()) {
    for (const bool strict : {true, false}) {
      Net net;
      const auto before = snapshot(net);
      const auto result = load_state_dict(net, state_of(name), {.strict = strict});
      const auto& outcome = expected[strict ? "strict" : "not_strict"];
      if (outcome.contains("error")) {
        ASSERT_FALSE(result.ok()) << name;
        EXPECT_EQ(result.error().kind(), ErrorKind::kKey);
        EXPECT_EQ(result.error().problem(), outcome["error"].get<std::string>());
        EXPECT_TRUE(equal(before, snapshot(net))) << name;
      } else {
        ASSERT_OK(result) << name;
        EXPECT_EQ(result->missing_keys, outcome["missing"].get<std::vector<std::string>>());
        EXPECT_EQ(result->unexpected_keys, outcome["unexpected"].get<std::vector<std::string>>());
      }
    }
  }
}

// Row 5: and after PyTorch's text, what probably happened.
TEST(Lesson, MessagesEndWithTheLikelyCause) {
  const std::pair<const char*, const char*> expected[] = {
      {"missing_and_unexpected", "Nearest names: \"fc.bias\" is missing, \"fc.bais\" is there"},
      {"data_parallel", "the file's keys begin with \"module.\", the model's do not"},
      {"compiled_data_parallel", "the file's keys begin with \"_orig_mod.module.\""},
      {"size_mismatch", "the saved model has 5 outputs in \"fc\", this one 3 (number of classes)"},
      {"nested", "nested in the file: \"model\" has 18 of the 18 names. Take checkpoint.state_dict(\"model\")"},
      {"unexpected_one", "Try options.strict = false"},
      {"missing_one", "the model has layers that the saved one did not have"},
  };
  for (const auto& [name, cause] : expected) {
    Net net;
    const auto result = load_state_dict(net, state_of(name));
    EXPECT_ERROR(result, ErrorKind::kKey, cause) << name;
  }
}

// A nested checkpoint, as the message above says.
TEST(Lesson, NestedStateDictIsReachedByItsKey) {
  Net net;
  const auto checkpoint = load("data/lesson/nested.pt").value();
  EXPECT_OK(load_state_dict(net, checkpoint.state_dict("model").value()));
  EXPECT_EQ(checkpoint.root().find("epoch")->as_int(), 3);
  EXPECT_ERROR(checkpoint.state_dict("optimizer"), ErrorKind::kKey, "'optimizer'");
  EXPECT_ERROR(checkpoint.state_dict("epoch"), ErrorKind::kKey, "int, not a state dict");
}

// Row 11: a checkpoint that holds model state, optimizer state and an epoch number. All are reached
// by name, and training goes on: its next step is the one that Python made.
TEST(Lesson, TrainingIsResumedFromACheckpoint) {
  const auto checkpoint = load("data/optimizer/adam.pt").value();
  TrainedNet net;
  torch::optim::Adam optimizer(net.parameters());
  ASSERT_OK(load_state_dict(net, checkpoint.state_dict("model").value()));
  ASSERT_OK(load_optimizer_state(optimizer, checkpoint, "optimizer"));
  EXPECT_EQ(checkpoint.root().find("epoch")->as_int(), 3);

  const at::Tensor output = net.forward(checkpoint.tensor("input").value());
  at::mse_loss(output, checkpoint.tensor("target").value()).backward();
  optimizer.step();
  const at::Tensor python = checkpoint.tensor("after").value()[0].slice(0, 0, 12).reshape({4, 3});
  EXPECT_TRUE(at::allclose(net.fc1->weight, python, /*rtol=*/1e-5, /*atol=*/1e-6));
}

// Row 11: where the optimizer is another one, the message says which to build.
TEST(Lesson, StateOfAnotherOptimizerIsNamed) {
  const auto checkpoint = load("data/optimizer/adam.pt").value();
  TrainedNet net;
  torch::optim::SGD optimizer(net.parameters(), /*defaults=*/0.1);
  EXPECT_ERROR(load_optimizer_state(optimizer, checkpoint, "optimizer"), ErrorKind::kKey,
               "is of Adam, and the optimizer is SGD. Load it into a torch::optim::Adam");
}

}  // namespace
}  // namespace hardload
