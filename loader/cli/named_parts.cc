#include "loader/cli/named_parts.h"

namespace hardload {

std::vector<std::pair<std::string_view, std::uint32_t>> named_parts(const Manifest& manifest,
                                                                    const TensorSpec& tensor) {
  if (tensor.is_quantized()) {
    const QuantizerSpec& quantizer = manifest.quantizer(tensor);
    if (!quantizer.is_per_channel) return {};
    return {{"scales", quantizer.scales}, {"zero_points", quantizer.zero_points}};
  }
  if (!tensor.is_sparse()) return {};
  const SparseSpec& sparse = manifest.sparse(tensor);
  switch (tensor.layout) {
    case TensorLayout::kSparseCoo: return {{"indices", sparse.indices}, {"values", sparse.values}};
    case TensorLayout::kSparseCsr:
    case TensorLayout::kSparseBsr:
      return {{"crow_indices", sparse.indices},
              {"col_indices", sparse.plain_indices},
              {"values", sparse.values}};
    default:
      return {{"ccol_indices", sparse.indices},
              {"row_indices", sparse.plain_indices},
              {"values", sparse.values}};
  }
}

}  // namespace hardload
