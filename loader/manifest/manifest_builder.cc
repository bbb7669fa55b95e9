#include "loader/manifest/manifest_builder.h"

#include <utility>

#include "loader/manifest/storage_table.h"
#include "loader/manifest/tensor_table.h"
#include "loader/manifest/tree_walk.h"

namespace hardload {

Result<Manifest> build_manifest(TorchArchive archive, ValueGraph graph, const Limits& limits) {
  Manifest manifest(std::move(archive), std::move(graph));
  StorageTable storages(manifest, limits);
  TensorTable tensors(manifest, storages, limits);
  HARDLOAD_TRY(TreeWalk(manifest, storages, tensors, limits).run());
  return manifest;
}

}  // namespace hardload
