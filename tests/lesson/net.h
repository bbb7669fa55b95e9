// The Net of data/lesson/make.py, in C++.
#pragma once

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

}  // namespace
