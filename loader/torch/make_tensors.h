// make_tensors: at::Tensors from a manifest and filled storages.
#pragma once

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include "loader/manifest/manifest.h"

namespace hardload {

// One tensor for each of manifest.tensors(), viewing `storages`, which go by the manifest's
// numbers and are of the same or a larger size. Shapes, strides and offsets are not checked again:
// a Manifest has proved them. May throw what LibTorch throws.
std::vector<at::Tensor> make_tensors(const Manifest& manifest,
                                     std::span<const c10::Storage> storages);

}  // namespace hardload
