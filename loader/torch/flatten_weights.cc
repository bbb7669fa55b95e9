#include "loader/torch/flatten_weights.h"

#include <exception>

#include <torch/nn/modules/rnn.h>

namespace hardload {
namespace {

template <typename Impl>
void flatten_if(torch::nn::Module& module) {
  if (auto* layer = dynamic_cast<Impl*>(&module)) layer->flatten_parameters();
}

}  // namespace

void flatten_weights(torch::nn::Module& module) try {
  flatten_if<torch::nn::RNNImpl>(module);
  flatten_if<torch::nn::LSTMImpl>(module);
  flatten_if<torch::nn::GRUImpl>(module);
} catch (const std::exception&) {
}

}  // namespace hardload
