// TensorTable: from torch's rebuild functions to checked tensors.
//
// Argument orders (torch/_utils.py):
//   _rebuild_tensor(storage, offset, size, stride)
//   _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
//   _rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
//   _rebuild_parameter(tensor, requires_grad, hooks)
//   _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
#pragma once

#include <cstdint>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/storage_table.h"

namespace hardload {

class TensorTable {
 public:
  TensorTable(Manifest& manifest, StorageTable& storages, const Limits& limits)
      : manifest_(manifest), storages_(storages), limits_(limits) {}

  // The tensor that `call` of the graph makes, added to the manifest the first time. Errors:
  // kUnsupported for kinds of tensors that are not loaded; kLayout for arguments that torch.save
  // does not write or a view that leaves its storage; kLimit; those of StorageTable::resolve.
  Result<std::uint32_t> resolve(std::uint64_t call);

 private:
  using Arguments = std::span<const Slot>;

  Result<TensorSpec> build(Constructor constructor, Arguments arguments);
  Result<TensorSpec> build_view(Arguments arguments, std::size_t version);
  Result<TensorSpec> build_meta(Arguments arguments);
  Result<TensorSpec> build_parameter(Arguments arguments, std::uint32_t data);

  Result<void> add_dims(Slot sizes, Slot strides, TensorSpec& tensor);
  Result<void> read_metadata(Slot metadata, TensorSpec& tensor);

  Manifest& manifest_;
  StorageTable& storages_;
  const Limits& limits_;
};

}  // namespace hardload
