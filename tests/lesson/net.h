// The Nets of data/lesson/make.py and data/optimizer/make.py, in C++.
#pragma once

#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

namespace {

struct BlockImpl : torch::nn::Module {
  BlockImpl()
      : conv(register_module("conv", torch::nn::Conv2d(2, 3, 3))),
        norm(register_module("norm", torch::nn::BatchNorm2d(3))) {}
  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d norm;
};
TORCH_MODULE(Block);

struct Net : torch::nn::Module {
  Net()
      : scale(register_parameter("scale", at::zeros({}))),
        block1(register_module("block1", Block())),
        block2(register_module("block2", Block())),
        fc(register_module("fc", torch::nn::Linear(4, 3))),
        steps(register_buffer("steps", at::zeros({2}, at::kLong))) {}
  at::Tensor scale;
  Block block1, block2;
  torch::nn::Linear fc;
  at::Tensor steps;
};

// The Net of data/optimizer/make.py.
struct TrainedNet : torch::nn::Module {
  TrainedNet()
      : fc1(register_module("fc1", torch::nn::Linear(3, 4))),
        fc2(register_module("fc2", torch::nn::Linear(4, 2))) {}
  at::Tensor forward(const at::Tensor& x) { return fc2(at::tanh(fc1(x))); }
  torch::nn::Linear fc1, fc2;
};

}  // namespace
