#include "loader/torch/move_tensors.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/torch/host_memory.h"
#include "loader/torch/make_tensors.h"
#include "loader/torch/placed_memory.h"
#include "loader/transfer/transfer.h"

namespace hardload {
namespace {

// The bytes of the largest element that each storage holds for the tensors which view it.
std::vector<std::uint64_t> largest_items(const Manifest& manifest) {
  std::vector<std::uint64_t> largest;
  for (const StorageSpec& storage : manifest.storages()) {
    largest.push_back(item_bytes(storage.dtype));
  }
  for (const TensorSpec& tensor : manifest.tensors()) {
    if (tensor.storage == TensorSpec::kNoStorage) continue;
    largest[tensor.storage] = std::max(largest[tensor.storage], item_bytes(tensor.dtype));
  }
  return largest;
}

// Whether tensors can view the bytes of the file as they lie there, `alignment` being that of their
// elements.
bool can_be_lent(const ByteSource& source, const Manifest& manifest, const StorageSpec& storage,
                 std::uint64_t alignment) {
  if (storage.record == nullptr || storage.record->compression != Compression::kStored) {
    return false;
  }
  const bool same_order =
      (manifest.byte_order() == ByteOrder::kLittle) == (std::endian::native == std::endian::little);
  const std::byte* const lent = source.view_at(storage.record->data_offset, storage.bytes).data();
  return same_order && lent != nullptr && reinterpret_cast<std::uintptr_t>(lent) % alignment == 0;
}

c10::Storage lend(const std::shared_ptr<const ByteSource>& source, const StorageSpec& storage) {
  const auto bytes = source->view_at(storage.record->data_offset, storage.bytes);
  // A mapping is private and writable: what a tensor writes does not reach the file.
  return lend_storage({const_cast<std::byte*>(bytes.data()), bytes.size()}, source);
}

// In the order of the file, so that neighbours there become neighbours in memory.
void sort_by_offset(const Manifest& manifest, std::vector<std::size_t>& storages) {
  const auto offset = [&](std::size_t storage) {
    const Record* record = manifest.storages()[storage].record;
    return record == nullptr ? 0 : record->data_offset;
  };
  std::stable_sort(storages.begin(), storages.end(),
                   [&](std::size_t a, std::size_t b) { return offset(a) < offset(b); });
}

Result<void> check_budget(const Manifest& manifest, std::span<const std::size_t> storages,
                          std::uint64_t budget) {
  std::uint64_t total = 0;
  for (const std::size_t storage : storages) {
    total = checked_add(total, manifest.storages()[storage].bytes).value_or(~std::uint64_t{0});
  }
  if (total <= budget) return {};
  return Error(ErrorKind::kLimit, Stage::kTorch,
               concat("the tensors need ", total, " bytes, over the memory budget of ", budget))
      .advise("Raise memory_budget, or name the tensors that are needed in `only`.");
}

}  // namespace

Result<Checkpoint> move_tensors(const std::shared_ptr<const ByteSource>& source,
                                std::shared_ptr<const Manifest> manifest,
                                const Selection& selection, std::span<const Device> places,
                                const LoadOptions& options) {
  std::vector<std::size_t> to_read;
  std::vector<bool> is_lent(places.size());
  const std::vector<std::uint64_t> items = largest_items(*manifest);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!selection.storages[i]) continue;
    const bool lend_it = options.mapped && places[i].type == "cpu" &&
                         can_be_lent(*source, *manifest, manifest->storages()[i], items[i]);
    is_lent[i] = lend_it;
    if (!lend_it && places[i].type != "meta") to_read.push_back(i);
  }
  HARDLOAD_TRY(check_budget(*manifest, to_read, options.memory_budget));
  sort_by_offset(*manifest, to_read);
  PlacedMemory memory(places);
  HARDLOAD_ASSIGN(const TransferReport report, transfer(*source, *manifest, to_read, memory,
                                                        {.limits = options.limits,
                                                         .threads = options.threads,
                                                         .verify_crc = options.verify_crc,
                                                         .progress = options.progress}));
  std::vector<c10::Storage> storages = std::move(memory).take();
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (is_lent[i]) storages[i] = lend(source, manifest->storages()[i]);
  }
  HARDLOAD_TRY(check_sparse(*manifest, storages));
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (selection.storages[i] && places[i].type == "meta") {
      storages[i] = meta_storage(manifest->storages()[i].bytes);
    }
  }
  HARDLOAD_ASSIGN(std::vector<at::Tensor> tensors,
                  make_tensors(*manifest, storages, selection.tensors));
  return Checkpoint(std::move(manifest), std::move(tensors), std::move(storages), report);
}

}  // namespace hardload
