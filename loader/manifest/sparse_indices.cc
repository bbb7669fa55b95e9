#include "loader/manifest/sparse_indices.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/text.h"

namespace hardload {
namespace {

using Indices = std::span<const std::int64_t>;

Error wrong(std::string problem) {
  return Error(ErrorKind::kLayout, Stage::kManifest, std::move(problem))
      .advise("The tensor is damaged or crafted: do not use the file.");
}

// Row `d` of `indices` says where each element is in dimension d.
Result<void> check_coo(Indices size, std::size_t elements, Indices indices, bool is_coalesced) {
  const std::size_t dimensions = elements == 0 ? 0 : indices.size() / elements;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::size_t d = i / elements;
    if (indices[i] < 0 || indices[i] >= size[d]) {
      return wrong(concat("size is inconsistent with indices: for dim ", d, ", size is ", size[d],
                          " but found index ", indices[i]));
    }
  }
  // Coalesced: each place once, in order.
  for (std::size_t i = 1; is_coalesced && i < elements; ++i) {
    std::size_t d = 0;
    while (d < dimensions && indices[d * elements + i] == indices[d * elements + i - 1]) ++d;
    if (d == dimensions || indices[d * elements + i] < indices[d * elements + i - 1]) {
      return wrong(
          "the tensor is said to be coalesced, but its indices are not sorted and distinct");
    }
  }
  return {};
}

// One batch: compressed[i] to compressed[i + 1] are the elements of row (or column) i.
Result<void> check_compressed(Indices compressed, Indices plain, std::int64_t plain_size,
                              std::string_view compressed_name, std::string_view plain_name) {
  const auto unmet = [](std::string text) {
    return wrong(concat("`", text, "` is not satisfied"));
  };
  if (compressed.front() != 0) return unmet(concat(compressed_name, "[..., 0] == 0"));
  if (compressed.back() != std::ssize(plain))
    return unmet(concat(compressed_name, "[..., -1] == nnz"));
  for (std::size_t i = 1; i < compressed.size(); ++i) {
    if (compressed[i] < compressed[i - 1] || compressed[i] - compressed[i - 1] > plain_size) {
      return unmet(concat("0 <= ", compressed_name, "[..., 1:] - ", compressed_name,
                          "[..., :-1] <= ", plain_size));
    }
  }
  for (const std::int64_t index : plain) {
    if (index < 0 || index >= plain_size) {
      return unmet(concat("0 <= ", plain_name, " < ", plain_size));
    }
  }
  for (std::size_t row = 1; row < compressed.size(); ++row) {
    for (auto i = compressed[row - 1] + 1; i < compressed[row]; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (plain[k] <= plain[k - 1]) {
        return unmet(concat(plain_name, "[..., ", compressed_name, "[..., i - 1]:", compressed_name,
                            "[..., i]] for all i are sorted and distinct"));
      }
    }
  }
  return {};
}

}  // namespace

Result<void> check_sparse_indices(const Manifest& manifest, const TensorSpec& tensor,
                                  Indices indices, Indices plain_indices) {
  const SparseSpec& sparse = manifest.sparse(tensor);
  const auto shape_of = [&](std::uint32_t part) {
    return manifest.shape(manifest.tensors()[part]);
  };
  const Indices size = manifest.shape(tensor);
  if (tensor.layout == TensorLayout::kSparseCoo) {
    const auto elements = static_cast<std::size_t>(shape_of(sparse.indices)[1]);
    return check_coo(size, elements, indices, sparse.is_coalesced.value_or(false));
  }
  const bool by_row =
      tensor.layout == TensorLayout::kSparseCsr || tensor.layout == TensorLayout::kSparseBsr;
  const bool blocked =
      tensor.layout == TensorLayout::kSparseBsr || tensor.layout == TensorLayout::kSparseBsc;
  const Indices compressed_shape = shape_of(sparse.indices);
  const std::size_t batch = compressed_shape.size() - 1;
  const std::size_t plain_dim = by_row ? 1 : 0;
  const std::int64_t block = blocked ? shape_of(sparse.values)[batch + 1 + plain_dim] : 1;
  const auto width = static_cast<std::size_t>(compressed_shape[batch]);
  const auto elements = static_cast<std::size_t>(shape_of(sparse.plain_indices)[batch]);
  for (std::size_t at = 0, plain_at = 0; at < indices.size(); at += width, plain_at += elements) {
    HARDLOAD_TRY(
        check_compressed(indices.subspan(at, width), plain_indices.subspan(plain_at, elements),
                         size[batch + plain_dim] / block, by_row ? "crow_indices" : "ccol_indices",
                         by_row ? "col_indices" : "row_indices"));
  }
  return {};
}

}  // namespace hardload
