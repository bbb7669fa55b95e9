// What load() gives is memory like LibTorch's own: it can be resized, cloned and freed in any
// order.

#include "loader/torch/host_memory.h"

#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "loader/hardload.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// A file of the tensors, and all of them loaded again.
std::vector<at::Tensor> loaded(const std::string& name, const std::vector<at::Tensor>& tensors) {
  const std::string path = testing::write_temporary(name, "");
  Tree list = Tree::list();
  for (const at::Tensor& tensor : tensors) list.push_back(tensor);
  save(list, path).value();
  const Checkpoint checkpoint = load(path).value();
  return {checkpoint.tensors().begin(), checkpoint.tensors().end()};
}

TEST(HostMemory, OutlivesItsNeighboursInAnyOrder) {
  std::vector<at::Tensor> tensors;
  for (const std::int64_t elements : {3, 1 << 19, 7, 1 << 20, 5, 1 << 19}) {
    tensors.push_back(at::arange(elements, at::kFloat));
  }
  for (std::size_t kept = 0; kept < tensors.size(); ++kept) {
    at::Tensor one;
    {
      auto all = loaded("neighbours.pt", tensors);
      one = all[kept];
    }
    EXPECT_TRUE(at::equal(one, tensors[kept]));
    one.add_(1);
  }
}

TEST(HostMemory, CanBeResized) {
  at::Tensor tensor = loaded("resized.pt", {at::arange(1000, at::kFloat)})[0];
  tensor.resize_({5000});
  EXPECT_TRUE(at::equal(tensor.slice(0, 0, 1000), at::arange(1000, at::kFloat)));
  tensor.fill_(2);
  EXPECT_EQ(tensor.sum().item<float>(), 10000);
}

TEST(HostMemory, IsOrdinaryMemoryOnlyWhereNobodyElseOwnsIt) {
  const auto is_ordinary = [](const at::Tensor& tensor) {
    return is_ordinary_memory(tensor.storage().data_ptr());
  };
  EXPECT_TRUE(is_ordinary(at::zeros({3})));
  EXPECT_TRUE(is_ordinary(loaded("ordinary.pt", {at::zeros({3})})[0]));
  float buffer[3] = {};
  EXPECT_FALSE(is_ordinary(at::from_blob(buffer, {3})));
}

// load_into hands the memory that was read to the module, where the module's is its own.
TEST(HostMemory, BecomesThatOfAModule) {
  torch::nn::Linear saved(300, 400), module(300, 400), lent(300, 400);
  const std::string path = testing::write_temporary("handed.pt", "");
  save(state_dict_of(*saved), path).value();
  const at::Tensor alias = module->weight.detach(), row = alias[7];
  const void* old = alias.const_data_ptr();
  const auto version = module->weight._version();
  std::vector<float> buffer(300 * 400, 1.0f);
  lent->weight.set_data(at::from_blob(buffer.data(), {400, 300}));

  ASSERT_OK(load_into(*module, path));
  EXPECT_NE(module->weight.const_data_ptr(), old);
  EXPECT_EQ(module->weight.const_data_ptr(), alias.const_data_ptr());
  EXPECT_TRUE(at::equal(module->weight, saved->weight));
  EXPECT_TRUE(at::equal(row, saved->weight[7]));
  EXPECT_GT(module->weight._version(), version);

  // A buffer of somebody else gets the elements.
  ASSERT_OK(load_into(*lent, path));
  EXPECT_EQ(lent->weight.const_data_ptr(), buffer.data());
  EXPECT_EQ(buffer[5], saved->weight[0][5].item<float>());

  // Again, into memory that was handed over.
  ASSERT_OK(load_into(*module, path));
  EXPECT_TRUE(at::equal(module->weight, saved->weight));
}

// LibTorch marks storages so of which a NumPy array holds the address.
TEST(HostMemory, DoesNotTakeThePlaceOfMemoryThatSomebodyHolds) {
  torch::nn::Linear saved(30, 40), module(30, 40);
  const std::string path = testing::write_temporary("held.pt", "");
  save(state_dict_of(*saved), path).value();
  module->weight.storage().unsafeGetStorageImpl()->set_resizable(false);
  const void* held = module->weight.const_data_ptr();
  ASSERT_OK(load_into(*module, path));
  EXPECT_EQ(module->weight.const_data_ptr(), held);
  EXPECT_TRUE(at::equal(module->weight, saved->weight));
}

// Where tied parameters are of two types in the file, the last one stays in both modes.
TEST(HostMemory, OfTiedParametersOfTwoTypesIsThatOfTheLast) {
  struct Tied : torch::nn::Module {
    at::Tensor a = register_parameter("a", at::zeros({500}));
    at::Tensor b = register_parameter("b", a);
  };
  StateDict state;
  state.entries = {{"a", at::ones({500}, at::kHalf), ""}, {"b", at::arange(500, at::kFloat), ""}};
  const std::string path = testing::write_temporary("two_types.pt", "");
  save(state, path).value();
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    Tied tied;
    ASSERT_OK(load_into(tied, path, {.mode = mode}));
    EXPECT_TRUE(at::equal(tied.a, at::arange(500, at::kFloat)));
  }
}

// One tensor of the file for two parameters: each has its own memory afterwards.
TEST(HostMemory, IsHandedOverOnce) {
  struct Pair : torch::nn::Module {
    at::Tensor a = register_parameter("a", at::zeros({500}));
    at::Tensor b = register_parameter("b", at::zeros({500}));
  } pair;
  const at::Tensor shared = at::arange(500, at::kFloat);
  StateDict state;
  state.entries = {{"a", shared, ""}, {"b", shared, ""}};
  const std::string path = testing::write_temporary("pair.pt", "");
  save(state, path).value();
  ASSERT_OK(load_into(pair, path));
  EXPECT_TRUE(at::equal(pair.a, shared));
  EXPECT_TRUE(at::equal(pair.b, shared));
  EXPECT_NE(pair.a.const_data_ptr(), pair.b.const_data_ptr());
}

// Two names of one parameter in the module: both see the last one, and one memory is freed.
TEST(HostMemory, IsThatOfTheLastOfTiedParameters) {
  struct Tied : torch::nn::Module {
    at::Tensor a = register_parameter("a", at::zeros({500}));
    at::Tensor b = register_parameter("b", a);
  } tied;
  StateDict state;
  state.entries = {{"a", at::zeros({500}), ""}, {"b", at::arange(500, at::kFloat), ""}};
  const std::string path = testing::write_temporary("tied.pt", "");
  save(state, path).value();
  ASSERT_OK(load_into(tied, path));
  EXPECT_TRUE(at::equal(tied.a, at::arange(500, at::kFloat)));
  EXPECT_EQ(tied.a.const_data_ptr(), tied.b.const_data_ptr());
}

}  // namespace
}  // namespace hardload
