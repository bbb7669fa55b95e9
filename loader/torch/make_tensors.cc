#include "loader/torch/make_tensors.h"

#include <string>
#include <utility>

#include <ATen/ops/_sparse_compressed_tensor_unsafe.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/quantized/QTensorImpl.h>
#include <ATen/quantized/Quantizer.h>
#include <c10/core/TensorImpl.h>
#include <c10/core/TensorOptions.h>

#include "loader/base/text.h"
#include "loader/manifest/sparse_indices.h"
#include "loader/torch/dtype_map.h"
#include "loader/torch/host_memory.h"

namespace hardload {
namespace {

c10::Layout torch_layout(TensorLayout layout) {
  switch (layout) {
    case TensorLayout::kStrided: return c10::Layout::Strided;
    case TensorLayout::kSparseCoo: return c10::Layout::Sparse;
    case TensorLayout::kSparseCsr: return c10::Layout::SparseCsr;
    case TensorLayout::kSparseCsc: return c10::Layout::SparseCsc;
    case TensorLayout::kSparseBsr: return c10::Layout::SparseBsr;
    case TensorLayout::kSparseBsc: return c10::Layout::SparseBsc;
  }
  return c10::Layout::Strided;
}

void set_view(const Manifest& manifest, const TensorSpec& spec, const at::Tensor& tensor) {
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides({manifest.shape(spec).data(), spec.rank},
                                                      {manifest.strides(spec).data(), spec.rank},
                                                      spec.offset);
}

at::Tensor make_strided(const Manifest& manifest, const TensorSpec& spec, c10::Storage storage) {
  const c10::ScalarType type = scalar_type(spec.dtype);
  const c10::DispatchKeySet keys(
      c10::computeDispatchKey(type, c10::Layout::Strided, storage.device()));
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys,
                                                               c10::scalarTypeToTypeMeta(type));
  set_view(manifest, spec, tensor);
  if (spec.is_conj) tensor._set_conj(true);
  if (spec.is_neg) tensor._set_neg(true);
  return tensor;
}

at::Tensor make_sparse(const Manifest& manifest, const TensorSpec& spec,
                       std::span<const at::Tensor> tensors) {
  const SparseSpec& sparse = manifest.sparse(spec);
  const at::IntArrayRef size(manifest.shape(spec).data(), spec.rank);
  const at::Tensor& values = tensors[sparse.values];
  const auto options = values.options().requires_grad(false).layout(torch_layout(spec.layout));
  if (spec.layout == TensorLayout::kSparseCoo) {
    return at::_sparse_coo_tensor_unsafe(tensors[sparse.indices], values, size, options,
                                         sparse.is_coalesced);
  }
  return at::_sparse_compressed_tensor_unsafe(tensors[sparse.indices],
                                              tensors[sparse.plain_indices], values, size, options);
}

// Not through the public functions: they would allocate what the storage already is.
at::Tensor make_quantized(const Manifest& manifest, const TensorSpec& spec, c10::Storage storage,
                          std::span<const at::Tensor> tensors) {
  const QuantizerSpec& quantizer = manifest.quantizer(spec);
  const c10::ScalarType type = scalar_type(spec.dtype);
  const c10::DispatchKeySet keys(
      c10::computeDispatchKey(type, c10::Layout::Strided, storage.device()));
  at::QuantizerPtr how =
      quantizer.is_per_channel
          ? at::make_per_channel_affine_quantizer(
                tensors[quantizer.scales], tensors[quantizer.zero_points], quantizer.axis, type)
          : at::make_per_tensor_affine_quantizer(quantizer.scale, quantizer.zero_point, type);
  at::Tensor tensor = at::detail::make_tensor<at::QTensorImpl>(
      std::move(storage), keys, c10::scalarTypeToTypeMeta(type), std::move(how));
  set_view(manifest, spec, tensor);
  return tensor;
}

Error in_tensor(const Manifest& manifest, std::uint32_t number, const Error& error) {
  for (const NamedTensor& named : manifest.named_tensors()) {
    if (named.tensor != number) continue;
    return Error(error.kind(), error.stage(),
                 concat("at '", manifest.name(named).substr(0, 500), "': ", error.problem()))
        .advise(error.advice());
  }
  return error;
}

// All elements of an index part on the CPU, in row-major order.
at::Tensor indices_of(const Manifest& manifest, std::uint32_t part,
                      std::span<const c10::Storage> storages) {
  const TensorSpec& spec = manifest.tensors()[part];
  return make_strided(manifest, spec, storages[spec.storage])
      .to(at::kCPU)
      .resolve_neg()
      .to(at::kLong)
      .contiguous();
}

std::span<const std::int64_t> as_span(const at::Tensor& indices) {
  if (!indices.defined()) return {};
  return {indices.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(indices.numel())};
}

}  // namespace

std::vector<at::Tensor> make_shapes(const Manifest& manifest) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(manifest.tensors().size());
  const c10::Storage nowhere = meta_storage(0);
  for (const TensorSpec& spec : manifest.tensors()) {
    const c10::DispatchKeySet keys(c10::DispatchKey::Meta);
    tensors.push_back(at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(nowhere), keys, c10::scalarTypeToTypeMeta(c10::ScalarType::Float)));
    tensors.back().unsafeGetTensorImpl()->set_sizes_contiguous(
        {manifest.shape(spec).data(), spec.rank});
  }
  return tensors;
}

Result<void> check_sparse(const Manifest& manifest, std::span<const c10::Storage> storages) {
  for (std::uint32_t i = 0; i < manifest.tensors().size(); ++i) {
    const TensorSpec& tensor = manifest.tensors()[i];
    if (!tensor.is_sparse()) continue;
    const SparseSpec& sparse = manifest.sparse(tensor);
    const bool is_coo = tensor.layout == TensorLayout::kSparseCoo;
    const auto is_there = [&](std::uint32_t part) {
      return static_cast<bool>(storages[manifest.tensors()[part].storage]);
    };
    if (!is_there(sparse.indices) || (!is_coo && !is_there(sparse.plain_indices))) continue;
    const at::Tensor indices = indices_of(manifest, sparse.indices, storages);
    at::Tensor plain;
    if (!is_coo) plain = indices_of(manifest, sparse.plain_indices, storages);
    auto checked = check_sparse_indices(manifest, tensor, as_span(indices), as_span(plain));
    if (!checked.ok()) return in_tensor(manifest, i, checked.error());
  }
  return {};
}

Result<std::vector<at::Tensor>> make_tensors(const Manifest& manifest,
                                             std::span<const c10::Storage> storages,
                                             const std::vector<bool>& wanted) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(manifest.tensors().size());
  for (const TensorSpec& spec : manifest.tensors()) {
    if (!wanted[tensors.size()]) {
      tensors.emplace_back();
      continue;
    }
    if (spec.is_sparse()) {
      // Its parts come before it: see TensorTable.
      tensors.push_back(make_sparse(manifest, spec, tensors));
    } else if (spec.is_quantized()) {
      const c10::Storage& storage = storages[spec.storage];
      if (storage.device_type() == c10::DeviceType::Meta) {
        const Error error(ErrorKind::kUnsupported, Stage::kTorch,
                          "the tensor is quantized; there are no such tensors on the meta device");
        return in_tensor(manifest, static_cast<std::uint32_t>(tensors.size()), error);
      }
      tensors.push_back(make_quantized(manifest, spec, storage, tensors));
    } else {
      tensors.push_back(
          make_strided(manifest, spec, spec.is_meta() ? meta_storage(0) : storages[spec.storage]));
    }
    if (spec.requires_grad) tensors.back().set_requires_grad(true);
  }
  return tensors;
}

}  // namespace hardload
