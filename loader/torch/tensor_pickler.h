// TensorPickler: writes LibTorch's tensors as calls that make torch.load build them again.
#pragma once

#include <string_view>

#include <ATen/core/Tensor.h>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/pickle/tensor_calls.h"
#include "loader/torch/saved_storages.h"

namespace hardload {

class TensorPickler {
 public:
  TensorPickler(PickleWriter& pickle, SavedStorages& storages, const Limits& limits)
      : calls_(pickle), storages_(storages), limits_(limits) {}

  // Writes `tensor` and puts it into the memo. Errors: kUnsupported for a tensor that torch.save
  // cannot write either, and for one that is undefined; kLimit for too many dimensions.
  Result<PickleWriter::Index> write(const at::Tensor& tensor, bool is_parameter);

  // A storage by itself.
  Result<void> write_storage(const c10::Storage& storage, c10::ScalarType type);

  // Writes `_get_layout('torch.strided')`, which makes a torch.layout; one object in Python.
  void write_layout(std::string_view name) { calls_.write_layout(name); }

 private:
  Result<PickleWriter::Index> write_data(const at::Tensor& tensor);
  Result<PickleWriter::Index> write_quantized(const at::Tensor& tensor, Dtype dtype);
  Result<PickleWriter::Index> write_sparse(const at::Tensor& tensor);

  TensorCalls calls_;
  SavedStorages& storages_;
  const Limits& limits_;
};

}  // namespace hardload
