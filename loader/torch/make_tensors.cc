#include "loader/torch/make_tensors.h"

#include <c10/core/TensorImpl.h>
#include <c10/core/TensorOptions.h>

#include "loader/torch/dtype_map.h"
#include "loader/torch/host_memory.h"

namespace hardload {
namespace {

at::Tensor make_tensor(const Manifest& manifest, const TensorSpec& spec, c10::Storage storage) {
  const c10::ScalarType type = scalar_type(spec.dtype);
  const c10::DispatchKeySet keys(
      c10::computeDispatchKey(type, c10::Layout::Strided, storage.device()));
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys,
                                                               c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides({manifest.shape(spec).data(), spec.rank},
                                                      {manifest.strides(spec).data(), spec.rank},
                                                      spec.offset);
  if (spec.is_conj) tensor._set_conj(true);
  if (spec.is_neg) tensor._set_neg(true);
  if (spec.requires_grad) tensor.set_requires_grad(true);
  return tensor;
}

}  // namespace

std::vector<at::Tensor> make_tensors(const Manifest& manifest,
                                     std::span<const c10::Storage> storages) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(manifest.tensors().size());
  for (const TensorSpec& spec : manifest.tensors()) {
    tensors.push_back(make_tensor(
        manifest, spec,
        spec.storage == TensorSpec::kNoStorage ? meta_storage(0) : storages[spec.storage]));
  }
  return tensors;
}

}  // namespace hardload
