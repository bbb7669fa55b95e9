#include "loader/cli/sparse_check.h"

#include <cstring>
#include <vector>

#include "loader/base/checked.h"
#include "loader/cli/elements.h"
#include "loader/cli/storage_bytes.h"
#include "loader/manifest/sparse_indices.h"

namespace hardload {
namespace {

template <typename Integer>
void append_integers(std::vector<std::int64_t>& out, std::span<const std::byte> block) {
  for (std::size_t at = 0; at < block.size(); at += sizeof(Integer)) {
    Integer value{};
    std::memcpy(&value, block.data() + at, sizeof value);
    out.push_back(value);
  }
}

// All elements of an index part, in row-major order.
Result<std::vector<std::int64_t>> read_indices(const ByteSource& source, const Manifest& manifest,
                                               const TensorSpec& part, const Limits& limits) {
  std::vector<std::int64_t> indices;
  HARDLOAD_ASSIGN(const Buffer content, read_storage(source, manifest, part.storage, limits));
  indices.reserve(static_cast<std::size_t>(part.numel));
  HARDLOAD_TRY(
      for_each_block(manifest, part, content.bytes(), [&](std::span<const std::byte> block) {
        if (part.dtype == Dtype::kInt32) {
          append_integers<std::int32_t>(indices, block);
        } else {
          append_integers<std::int64_t>(indices, block);
        }
      }));
  return indices;
}

}  // namespace

Result<void> check_sparse_tensors(const ByteSource& source, const Manifest& manifest,
                                  const Limits& limits) {
  const std::uint64_t most = limits.expanded(source.allocated_bytes());
  std::uint64_t read = 0;
  for (const TensorSpec& tensor : manifest.tensors()) {
    if (!tensor.is_sparse()) continue;
    const SparseSpec& sparse = manifest.sparse(tensor);
    std::vector<std::uint32_t> parts = {sparse.indices};
    if (tensor.layout != TensorLayout::kSparseCoo) parts.push_back(sparse.plain_indices);
    std::vector<std::int64_t> indices[2];
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const TensorSpec& part = manifest.tensors()[parts[i]];
      read = checked_add(read, manifest.storages()[part.storage].bytes).value_or(~std::uint64_t{0});
      if (read > most) {
        return Error(ErrorKind::kLimit, Stage::kCli,
                     "the indices of sparse tensors take more reading than max_expansion allows");
      }
      HARDLOAD_ASSIGN(indices[i], read_indices(source, manifest, part, limits));
    }
    HARDLOAD_TRY(check_sparse_indices(manifest, tensor, indices[0], indices[1]));
  }
  return {};
}

}  // namespace hardload
