// TensorTable: from torch's rebuild functions to checked tensors.
//
// Argument orders (torch/_utils.py):
//   _rebuild_tensor(storage, offset, size, stride)
//   _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
//   _rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
//   _rebuild_parameter(tensor, requires_grad, hooks)
//   _rebuild_parameter_with_state(tensor, requires_grad, hooks, state)
//   _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
//   _rebuild_sparse_tensor(layout, data), data of COO: (indices, values, size[, is_coalesced]);
//   else
//       (compressed indices, plain indices, values, size)
//   of LibTorch's pickler: _rebuild_sparse_tensor(1, size, requires_grad, indices, values, hooks)
//       for COO; (2, size, requires_grad, crow_indices, col_indices, values, hooks) for CSR
//   _rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks), quantizer:
//       (per_tensor_affine, scale, zero_point) or (per_channel_affine, scales, zero_points, axis)
//   _rebuild_from_type_v2(one of the above, type, its arguments, state)
//   torch.FloatTensor() and then BUILD with (storage, offset, size, stride), in old files
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/saved_objects.h"
#include "loader/manifest/storage_table.h"

namespace hardload {

class TensorTable {
 public:
  // `saved`: as for StorageTable.
  TensorTable(Manifest& manifest, StorageTable& storages, const Limits& limits,
              const SavedObjects* saved = nullptr);

  // The tensor that `call` of the graph makes, added to the manifest the first time. Errors:
  // kUnsupported for kinds of tensors that are not loaded; kLayout for arguments that torch.save
  // does not write, a view that leaves its storage, parts that do not fit each other; kLimit; those
  // of StorageTable::resolve.
  Result<std::uint32_t> resolve(std::uint64_t call);

 private:
  using Arguments = std::span<const Slot>;

  Result<TensorSpec> build(Constructor constructor, Arguments arguments);
  Result<TensorSpec> build_view(Arguments arguments, std::size_t version);
  Result<TensorSpec> build_meta(Arguments arguments);
  Result<TensorSpec> build_parameter(Arguments arguments, bool has_state, std::uint32_t data);
  Result<TensorSpec> build_from_type(Arguments arguments);
  Result<TensorSpec> build_of_class(std::uint64_t call);
  Result<std::uint32_t> resolve_saved(ValueGraph::Call& call);
  Result<TensorSpec> build_saved(std::size_t number);
  Result<void> check_view(const StorageTable::Reference& reference, TensorSpec& tensor);
  // In tensor_parts.cc: tensors that are made of tensors.
  Result<TensorSpec> build_sparse(Arguments arguments);
  Result<TensorSpec> build_sparse_of_libtorch(Arguments arguments);
  Result<TensorSpec> build_coo(Arguments data);
  Result<TensorSpec> build_compressed(TensorLayout layout, Arguments data);
  Result<TensorSpec> add_sparse(TensorSpec tensor, const SparseSpec& sparse);
  Result<TensorSpec> build_quantized(Arguments arguments);
  Result<QuantizerSpec> read_quantizer(Arguments parts, const TensorSpec& tensor);
  Result<std::uint32_t> read_channel_part(Slot part, std::string_view name, std::int64_t channels);
  // The strided tensor `slot`, part of another one.
  Result<std::uint32_t> resolve_part(Slot slot);
  Result<void> charge_indices(std::initializer_list<std::uint32_t> parts);

  Result<void> add_sizes(Slot sizes, TensorSpec& tensor);
  Result<void> append_dims(Slot numbers);
  Result<void> add_dims(Slot sizes, Slot strides, TensorSpec& tensor);
  Result<void> read_metadata(Slot metadata, TensorSpec& tensor);
  std::span<const std::int64_t> shape_of(std::uint32_t tensor) const {
    return manifest_.shape(manifest_.tensors_[tensor]);
  }

  Manifest& manifest_;
  StorageTable& storages_;
  const Limits& limits_;
  const SavedObjects* saved_;
  std::vector<std::int64_t> saved_numbers_;  // of saved tensors, among the manifest's; or -1
  std::uint64_t most_index_bytes_;
  std::uint64_t index_bytes_ = 0;  // of all sparse tensors, as int64, so far
};

}  // namespace hardload
