// A module without layers, to which tests add what they need, and what a test saw of it.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "loader/torch/state_dict.h"

namespace hardload::testing {

struct Parts : torch::nn::Module {
  at::Tensor& parameter(const std::string& name, at::Tensor value, bool requires_grad = true) {
    return register_parameter(name, std::move(value), requires_grad);
  }
  at::Tensor& buffer(const std::string& name, at::Tensor value) {
    return register_buffer(name, std::move(value));
  }
};

inline StateDict::Entry entry(std::string key, at::Tensor tensor) {
  return {std::move(key), std::move(tensor), {}};
}

// All that can be seen of a tensor: which object it is, where its elements are, what they are.
struct Seen {
  explicit Seen(const at::Tensor& t)
      : object(t.unsafeGetTensorImpl()),
        memory(t.is_meta() ? nullptr : t.storage().data()),
        version(t.is_inference() ? 0
                                 : t.unsafeGetTensorImpl()->version_counter().current_version()),
        dtype(t.scalar_type()),
        sizes(t.sizes().vec()),
        strides(t.strides().vec()),
        requires_grad(t.requires_grad()) {
    if (memory != nullptr) {
      const auto* begin = static_cast<const char*>(memory);
      bytes.assign(begin, begin + t.storage().nbytes());
    }
  }
  bool operator==(const Seen&) const = default;

  const void* object;
  const void* memory;
  std::uint32_t version;
  c10::ScalarType dtype;
  std::vector<std::int64_t> sizes, strides;
  bool requires_grad;
  std::string bytes;
};

inline std::vector<Seen> see(const std::vector<at::Tensor>& tensors) {
  return {tensors.begin(), tensors.end()};
}

}  // namespace hardload::testing
