// check_sparse_indices: that the indices of a sparse tensor are what torch holds them to be.
//
// Indices are tensor data, so describing a file does not look at them; whoever reads them has to
// before anything uses them: torch's kernels write where they point. The invariants are those of
// torch.sparse.check_sparse_tensor_invariants (aten/src/ATen/native/sparse: SparseTensor.cpp,
// SparseCsrTensor.cpp).
#pragma once

#include <cstdint>
#include <span>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// `indices` and `plain_indices` (empty for COO) are all elements of these parts of `tensor`, a
// sparse one, in row-major order. Errors: kLayout, with torch's words for the invariant. Linear.
Result<void> check_sparse_indices(const Manifest& manifest, const TensorSpec& tensor,
                                  std::span<const std::int64_t> indices,
                                  std::span<const std::int64_t> plain_indices);

}  // namespace hardload
