// Times load_state_dict of a module with many children, the case in which PyTorch's is quadratic.
//
// usage: flat_load FILE CHILDREN [SAMPLES]
//
// FILE is a state dict with the keys 0.weight, 1.weight... of shape [4]. Prints the seconds of each
// sample, the load of the file left out. tools/load_state_dict_against_torch.py runs it.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>

#include "loader/hardload.h"

namespace {

struct Child : torch::nn::Module {
  Child() { weight = register_parameter("weight", at::zeros({4})); }
  at::Tensor weight;
};

struct Flat : torch::nn::Module {
  explicit Flat(int children) {
    for (int i = 0; i < children; ++i) {
      register_module(std::to_string(i), std::make_shared<Child>());
    }
  }
};

}  // namespace

int main(int count, char** arguments) try {
  if (count < 3) {
    std::fprintf(stderr, "usage: flat_load FILE CHILDREN [SAMPLES]\n");
    return 2;
  }
  Flat module(std::atoi(arguments[2]));
  const auto checkpoint = hardload::load(arguments[1]).value();
  const auto state = checkpoint.state_dict().value();
  for (int i = count > 3 ? std::atoi(arguments[3]) : 9; i > 0; --i) {
    const auto start = std::chrono::steady_clock::now();
    hardload::load_state_dict(module, state).value();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    std::printf("%.9f\n", time.count());
  }
  std::size_t number = 0;
  for (const auto& child : module.named_children()) {
    const auto weight = child.value()->named_parameters()["weight"];
    if (!at::equal(weight, state.entries[number++].tensor)) {
      std::fprintf(stderr, "flat_load: wrong answer\n");
      return 1;
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "flat_load: %s\n", error.what());
  return 1;
}
