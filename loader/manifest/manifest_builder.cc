#include "loader/manifest/manifest_builder.h"

#include <utility>

#include "loader/bytes/huge_pages.h"
#include "loader/manifest/storage_table.h"
#include "loader/manifest/tensor_table.h"
#include "loader/manifest/tree_walk.h"

namespace hardload {

Result<Manifest> build_manifest(std::unique_ptr<const Container> container, ValueGraph graph,
                                const Limits& limits, const SavedObjects* saved) {
  Manifest manifest(std::move(container), std::move(graph));
  // What a state dict needs, which is mostly tensors: less copying while the lists grow.
  const std::size_t records = manifest.container_->records().size();
  const std::size_t likely = manifest.graph_.calls.size() / 2;
  reserve_huge(manifest.storages_, records);
  reserve_huge(manifest.tensors_, likely);
  reserve_huge(manifest.named_, likely);
  reserve_huge(manifest.steps_, likely + 1);
  reserve_huge(manifest.dims_, 4 * likely);
  manifest.names_.reserve(manifest.graph_.text.size() / 2);
  StorageTable storages(manifest, saved);
  TensorTable tensors(manifest, storages, limits, saved);
  HARDLOAD_TRY(TreeWalk(manifest, storages, tensors, limits).run());
  HARDLOAD_TRY(storages.check_unreached());
  return manifest;
}

}  // namespace hardload
