#include "loader/manifest/manifest.h"

#include <algorithm>

#include "loader/manifest/layout.h"

namespace hardload {

std::string_view to_string(TensorLayout layout) {
  switch (layout) {
    case TensorLayout::kStrided: return "strided";
    case TensorLayout::kSparseCoo: return "sparse_coo";
    case TensorLayout::kSparseCsr: return "sparse_csr";
    case TensorLayout::kSparseCsc: return "sparse_csc";
    case TensorLayout::kSparseBsr: return "sparse_bsr";
    case TensorLayout::kSparseBsc: return "sparse_bsc";
  }
  return "";
}

std::vector<std::uint32_t> Manifest::parts(const TensorSpec& tensor) const {
  if (tensor.layout == TensorLayout::kSparseCoo) {
    return {sparse(tensor).indices, sparse(tensor).values};
  }
  if (tensor.is_sparse()) {
    return {sparse(tensor).indices, sparse(tensor).plain_indices, sparse(tensor).values};
  }
  if (tensor.is_quantized() && quantizer(tensor).is_per_channel) {
    return {quantizer(tensor).scales, quantizer(tensor).zero_points};
  }
  return {};
}

std::string_view Manifest::location(const TensorSpec& tensor) const {
  const TensorSpec& data = tensor.is_sparse() ? tensors_[sparse(tensor).values] : tensor;
  return data.is_meta() ? "meta" : storages_[data.storage].location;
}

std::uint64_t Manifest::nbytes(const TensorSpec& tensor) const {
  if (tensor.is_sparse()) {
    std::uint64_t total = 0;
    for (const std::uint32_t part : parts(tensor)) total += nbytes(tensors_[part]);
    return total;
  }
  const DtypeInfo& dtype = info(tensor.dtype);
  const auto numel = static_cast<std::uint64_t>(tensor.numel);
  return dtype.per_item == 1 ? numel * dtype.item_bytes
                             : packed_bytes(shape(tensor), dtype.per_item);
}

std::vector<Value> Manifest::path(const NamedTensor& named) const {
  std::vector<Value> keys;
  for (std::uint32_t step = named.path; step != 0; step = steps_[step].parent) {
    keys.emplace_back(graph_, steps_[step].key);
  }
  std::reverse(keys.begin(), keys.end());
  return keys;
}

}  // namespace hardload
