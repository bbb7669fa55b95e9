// PreparedAssign: a parameter or buffer that is to become a tensor of the state dict, so far that
// what is left to do cannot fail.
//
//   HARDLOAD_ASSIGN(PreparedAssign change, PreparedAssign::make(target, source));
//   change.publish();
//
// Ownership: shares the memory of both tensors. Threads: nobody else may use the target.
#pragma once

#include <utility>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"

namespace hardload {

class PreparedAssign {
 public:
  // Errors: kKey, with PyTorch's text, for what PyTorch refuses; kUnsupported, with the reason as a
  // clause ("is not an ordinary strided tensor ..."), for what LibTorch does not allow. A source
  // that a gradient is computed through, or that is of the other inference mode, is copied. May
  // throw what LibTorch throws.
  static Result<PreparedAssign> make(const at::Tensor& target, const at::Tensor& source);

  // The target takes dtype, strides, device and memory of the source. It stays the same object: its
  // TensorImpl is filled, as in torch/csrc/autograd/variable.cpp, VariableHooks::set_data. Its
  // gradient goes, and autograd is told.
  void publish();

 private:
  PreparedAssign(at::Tensor target, at::Tensor source)
      : target_(std::move(target)), source_(std::move(source)) {}

  at::Tensor target_;
  at::Tensor source_;
};

}  // namespace hardload
