#include "loader/manifest/tensor_appender.h"

namespace hardload {

std::uint32_t TensorAppender::append(Manifest& whole, const Manifest& part) {
  const auto first_tensor = static_cast<std::uint32_t>(whole.tensors_.size());
  const auto first_storage = static_cast<std::uint32_t>(whole.storages_.size());
  const auto first_sparse = static_cast<std::uint32_t>(whole.sparse_.size());
  const auto first_quantizer = static_cast<std::uint32_t>(whole.quantizers_.size());
  for (TensorSpec tensor : part.tensors_) {
    if (tensor.storage != TensorSpec::kNoStorage) tensor.storage += first_storage;
    if (tensor.is_sparse()) {
      tensor.details += first_sparse;
    } else if (tensor.is_quantized()) {
      tensor.details += first_quantizer;
    }
    tensor.dims += whole.dims_.size();
    whole.tensors_.push_back(tensor);
  }
  for (SparseSpec sparse : part.sparse_) {
    for (auto* number : {&sparse.indices, &sparse.plain_indices, &sparse.values}) {
      *number += first_tensor;
    }
    whole.sparse_.push_back(sparse);
  }
  for (QuantizerSpec quantizer : part.quantizers_) {
    quantizer.scales += first_tensor;
    quantizer.zero_points += first_tensor;
    whole.quantizers_.push_back(quantizer);
  }
  whole.dims_.insert(whole.dims_.end(), part.dims_.begin(), part.dims_.end());
  return first_tensor;
}

}  // namespace hardload
