// libtorch_archives: writes what LibTorch's functions write in C++, for data/libtorch/make.py.
//
// usage: libtorch_archives FOLDER

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/serialize.h>
#include <torch/utils.h>

namespace {

struct Net : torch::nn::Module {
  Net() {
    register_parameter("scale", torch::ones({2}));
    register_buffer("steps", torch::zeros({}, at::kLong));
    register_module("fc", torch::nn::Linear(3, 2));
    register_module("norm", torch::nn::BatchNorm1d(2));
    register_module("blocks",
                    torch::nn::Sequential(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2)));
    register_module("rnn", torch::nn::LSTM(2, 2));
    register_module("words", torch::nn::Embedding(4, 2));
  }
};

void write_archive(const std::string& path) {
  torch::serialize::OutputArchive archive;
  archive.write("parameter", torch::ones({2}));
  archive.write("buffer", torch::zeros({3}), /*is_buffer=*/true);
  archive.write("steps", c10::IValue(std::int64_t{5'000'000'000}));
  archive.write("note", c10::IValue("text"));
  torch::serialize::OutputArchive child(archive.compilation_unit());
  child.write("tensor", torch::arange(4).view({2, 2}).t());
  archive.write("child", child);
  archive.save_to(path);
}

void write_values(const std::string& path) {
  c10::Dict<std::string, at::Tensor> tensors;
  tensors.insert("a", torch::ones({2}));
  auto values = c10::impl::GenericList(c10::AnyType::get());
  values.push_back(tensors);
  values.push_back(c10::List<std::int64_t>({1, 2}));
  values.push_back(c10::List<std::int64_t>());
  values.push_back(c10::List<double>({1.5}));
  values.push_back(c10::List<bool>({true}));
  values.push_back(c10::List<at::Tensor>({torch::ones({1})}));
  values.push_back(c10::List<std::string>({std::string("x")}));
  values.push_back(c10::Device("cuda:1"));
  values.push_back(std::tuple<std::int64_t, double>(1, 0.5));
  const std::vector<char> bytes = torch::pickle_save(values);
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: libtorch_archives FOLDER\n";
    return 2;
  }
  const std::string folder = std::string(arguments[1]) + "/";
  torch::manual_seed(0);
  torch::save(std::make_shared<Net>(), folder + "cpp_module.pt");
  torch::save(torch::arange(6).view({2, 3}).t(), folder + "cpp_tensor.pt");
  torch::save(std::vector<at::Tensor>{torch::ones({2}), torch::zeros({2}, at::kChar)},
              folder + "cpp_vector.pt");
  write_archive(folder + "cpp_archive.pt");
  write_values(folder + "cpp_pickle_save.pt");
}
