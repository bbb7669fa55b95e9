#include <iostream>
#include <torch/torch.h>
#include "loader/hardload.h"

struct Net : torch::nn::Module {
  torch::nn::Linear fc = register_module("fc", torch::nn::Linear(4, 3));
  torch::Tensor forward(torch::Tensor x) { return fc(x); }
};

int main(int count, char** arguments) try {
  Net net;
  const std::string file = count > 1 ? arguments[1] : "model.pth";
  auto checkpoint = hardload::load(file, {.map_location = "cpu"}).value();
  hardload::load_state_dict(net, checkpoint.state_dict().value()).value();
  net.eval();  // dropout and batch norm as for use, not for training
  torch::NoGradGuard no_grad;
  std::cout << net.forward(torch::ones({1, 4})) << '\n';
} catch (const std::exception& error) {  // hardload::BadFile, or LibTorch's own
  std::cerr << error.what() << '\n';
  return 1;
}
