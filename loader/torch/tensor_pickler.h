// TensorPickler: writes the calls that make torch.load build a tensor again.
//
// The calls and their arguments are those of torch/_tensor.py (_reduce_ex_internal) and
// torch/nn/parameter.py; torch/_utils.py has the functions that they name.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/torch/saved_storages.h"

namespace hardload {

class TensorPickler {
 public:
  TensorPickler(PickleWriter& pickle, SavedStorages& storages, const Limits& limits)
      : pickle_(pickle), storages_(storages), limits_(limits) {}

  // Writes `tensor` and puts it into the memo. Errors: kUnsupported for a tensor that torch.save
  // cannot write either, and for one that is undefined; kLimit for too many dimensions.
  Result<PickleWriter::Index> write(const at::Tensor& tensor, bool is_parameter);

  // A storage by itself.
  Result<void> write_storage(const c10::Storage& storage, c10::ScalarType type);

  // Writes `_get_layout('torch.strided')`, which makes a torch.layout; one object in Python.
  void write_layout(std::string_view name);

 private:
  Result<PickleWriter::Index> write_data(const at::Tensor& tensor);
  Result<void> write_strided(const at::Tensor& tensor, Dtype dtype);
  Result<void> write_quantized(const at::Tensor& tensor, Dtype dtype);
  Result<void> write_sparse(const at::Tensor& tensor);
  void write_meta(const at::Tensor& tensor, Dtype dtype);
  void write_geometry(const at::Tensor& tensor);
  void write_metadata(const at::Tensor& tensor);
  void write_no_hooks();
  void write_size(at::IntArrayRef sizes);
  PickleWriter::Index call(std::size_t arguments);

  PickleWriter& pickle_;
  SavedStorages& storages_;
  const Limits& limits_;
  std::map<std::string, PickleWriter::Index, std::less<>> layouts_;
};

}  // namespace hardload
