// make_tensors: at::Tensors from a manifest and filled storages.
#pragma once

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// One tensor for each of manifest.tensors() for which `wanted` holds, undefined ones for the
// others; viewing `storages`, which go by the manifest's numbers and are of the same or a larger
// size. Shapes, strides and offsets are not checked again: a Manifest has proved them; nor are the
// indices of sparse tensors, see check_sparse. Errors: kUnsupported for quantized tensors on the
// meta device, which LibTorch does not have. May throw what LibTorch throws.
Result<std::vector<at::Tensor>> make_tensors(const Manifest& manifest,
                                             std::span<const c10::Storage> storages,
                                             const std::vector<bool>& wanted);

// One tensor for each of manifest.tensors(), of its shape, on the meta device: for those who look
// at shapes alone. Sparse and quantized ones are ordinary ones here.
std::vector<at::Tensor> make_shapes(const Manifest& manifest);

// Proves that the indices of all sparse tensors are in range, before anything is made of them:
// LibTorch's kernels write where they point. `storages` are filled; sparse tensors of which a
// storage is not there (on the meta device) are left out. Errors: kLayout, with the tensor's name
// where it has one. May throw what LibTorch throws.
Result<void> check_sparse(const Manifest& manifest, std::span<const c10::Storage> storages);

}  // namespace hardload
