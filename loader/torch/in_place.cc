#include "loader/torch/in_place.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <new>
#include <set>
#include <utility>

#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/container/record_reader.h"
#include "loader/manifest/layout.h"
#include "loader/torch/dtype_map.h"
#include "loader/torch/guard.h"
#include "loader/torch/move_tensors.h"
#include "loader/torch/prepare_copy.h"
#include "loader/transfer/read_ranges.h"

namespace hardload {
namespace {

constexpr std::size_t kNamed = 100;  // keys that an error names

class InPlace {
 public:
  InPlace(std::shared_ptr<const ByteSource> source, std::shared_ptr<const Manifest> manifest,
          const std::vector<InPlaceCopy>& copies, const LoadOptions& options)
      : source_(std::move(source)),
        manifest_(std::move(manifest)),
        copies_(copies),
        options_(options),
        is_written_(std::make_unique<std::atomic<bool>[]>(copies.size())) {}

  Result<void> run() {
    sort();
    std::uint64_t bytes = options_.verify_crc ? bytes_to_verify() : 0;
    for (const std::size_t i : direct_) bytes += copies_[i].target.nbytes();
    Progress progress(options_.progress, bytes);
    HARDLOAD_TRY(progress.add(0));
    HARDLOAD_TRY(if_unchanged(*source_, verify(progress)));
    HARDLOAD_TRY(convert());
    HARDLOAD_TRY(source_->check_unchanged());
    // From here on targets change, and there may be no memory to say so when it has to be said.
    Error unnamed(ErrorKind::kTorn, Stage::kTorch,
                  "memory ran out while parameters and buffers were written; any of them may have "
                  "new elements");
    auto moved = guarded([&] { return move(progress); });
    for (std::size_t i = 0; i < direct_.size(); ++i) {
      if (is_written_[i]) copies_[direct_[i]].target.unsafeGetTensorImpl()->bump_version();
    }
    for (std::size_t i = 0; moved.ok() && i < prepared_.size(); ++i) {
      is_written_[direct_.size() + i] = true;
      moved = guarded([&] { return prepared_[i].publish(), Result<void>(); });
    }
    if (moved.ok()) moved = source_->check_unchanged();
    if (moved.ok()) return {};
    try {
      return torn(moved.error());
    } catch (const std::bad_alloc&) {
      return unnamed;
    }
  }

 private:
  const TensorSpec& spec(const InPlaceCopy& copy) const {
    return manifest_->tensors()[copy.tensor];
  }
  const StorageSpec& storage(const InPlaceCopy& copy) const {
    return manifest_->storages()[spec(copy).storage];
  }

  // Whether the bytes in the file are the bytes that the target is to have, in their order.
  bool is_direct(const InPlaceCopy& copy) const {
    const TensorSpec& from = spec(copy);
    const at::Tensor& to = copy.target;
    if (from.storage == TensorSpec::kNoStorage || from.is_quantized() || from.is_conj ||
        from.is_neg || scalar_type(from.dtype) != to.scalar_type()) {
      return false;
    }
    const Record* record = storage(copy).record;
    const bool is_native = (manifest_->byte_order() == ByteOrder::kLittle) ==
                           (std::endian::native == std::endian::little);
    if (record == nullptr || record->compression != Compression::kStored || !is_native)
      return false;
    if (!to.is_cpu() || !is_plain(to) || to.is_conj() || to.is_neg() || to._is_zerotensor() ||
        !to.is_non_overlapping_and_dense()) {
      return false;
    }
    const auto shape = manifest_->shape(from), strides = manifest_->strides(from);
    const bool is_contiguous = hardload::is_contiguous(shape, strides);
    return (is_contiguous && to.is_contiguous()) ||
           (std::equal(shape.begin(), shape.end(), to.sizes().begin(), to.sizes().end()) &&
            std::equal(strides.begin(), strides.end(), to.strides().begin(), to.strides().end()));
  }

  // Which copies are read directly. Parameters that share memory are written in PyTorch's order,
  // the last one stays: where one of them is converted, all are.
  void sort() {
    std::vector<bool> direct(copies_.size());
    std::set<const void*> converted_storages;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      direct[i] = is_direct(copies_[i]);
      if (!direct[i]) converted_storages.insert(memory_of(copies_[i]));
    }
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      const bool is_alone = !converted_storages.contains(memory_of(copies_[i]));
      (direct[i] && is_alone ? direct_ : converted_).push_back(i);
    }
  }
  // What tells the storages of targets apart; nullptr for those without one.
  static const void* memory_of(const InPlaceCopy& copy) {
    return copy.target.has_storage() ? copy.target.storage().unsafeGetStorageImpl() : nullptr;
  }

  // The records of what is read directly, each once.
  std::set<const Record*> records() const {
    std::set<const Record*> records;
    for (const std::size_t i : direct_) records.insert(storage(copies_[i]).record);
    return records;
  }
  std::uint64_t bytes_to_verify() const {
    std::uint64_t bytes = 0;
    for (const Record* record : records()) bytes += record->bytes;
    return bytes;
  }

  // The first pass over what is read directly.
  Result<void> verify(Progress& progress) const {
    std::vector<FileRange> ranges;
    for (const Record* record : records()) {
      HARDLOAD_TRY(check_expansion(*source_, *record, options_.limits));
      ranges.push_back({record->data_offset, record->bytes, /*destination=*/nullptr, record});
    }
    if (!options_.verify_crc) return {};
    return read_ranges(*source_, ranges,
                       {.threads = options_.threads, .progress = progress, .to_page_cache = true});
  }

  // What needs more than reading is made ready beside the module, in little memory.
  Result<void> convert() {
    std::vector<std::uint32_t> tensors;
    std::uint64_t bytes = 0;
    for (const std::size_t i : converted_) {
      tensors.push_back(copies_[i].tensor);
      bytes += copies_[i].target.nbytes();
    }
    const Selection selection = select(*manifest_, tensors);
    for (std::size_t i = 0; i < selection.storages.size(); ++i) {
      if (selection.storages[i]) bytes += manifest_->storages()[i].bytes;
    }
    if (bytes > kInPlaceBytes) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   concat("loading in place takes ", bytes, " bytes beside the module, over ",
                          kInPlaceBytes, ", because ", converted_.size(), " tensors (such as '",
                          copies_[converted_[0]].key,
                          "') have another dtype, other strides or another device than the module, "
                          "or are compressed"))
          .advise("Load staged, which is the default; or give the module the file's dtypes.");
    }
    const std::vector<Device> places(manifest_->storages().size(), Device{"cpu"});
    LoadOptions quiet = options_;
    quiet.progress = {};
    quiet.mapped = false;
    HARDLOAD_ASSIGN(const Checkpoint loaded,
                    move_tensors(source_, manifest_, selection, places, quiet));
    for (const std::size_t i : converted_) {
      const InPlaceCopy& copy = copies_[i];
      auto prepared = guarded([&]() -> Result<PreparedCopy> {
        return PreparedCopy::make(copy.target, loaded.tensors()[copy.tensor]);
      });
      if (!prepared.ok()) return not_copied(copy, prepared.error());
      prepared_.push_back(*std::move(prepared));
    }
    return {};
  }

  static Error not_copied(const InPlaceCopy& copy, const Error& error) {
    if (error.kind() == ErrorKind::kOutOfMemory) return error;
    return Error(ErrorKind::kKey, Stage::kTorch,
                 concat("'", copy.key, "' cannot be copied: ", error.problem()));
  }

  Result<void> move(Progress& progress) {
    // Parameters that share memory are written in PyTorch's order: the last one stays.
    std::set<const void*> memories;
    bool is_shared = false;
    std::vector<FileRange> ranges;
    for (const std::size_t i : direct_) {
      const at::Tensor& target = copies_[i].target;
      const TensorSpec& from = spec(copies_[i]);
      const std::uint64_t begin = storage(copies_[i]).record->data_offset +
                                  static_cast<std::uint64_t>(from.offset) * item_bytes(from.dtype);
      // Memory that is shared until somebody writes to it is taken here.
      auto* to = target.numel() > 0 ? static_cast<std::byte*>(target.mutable_data_ptr()) : nullptr;
      ranges.push_back({begin, target.nbytes(), to});
      is_shared = !memories.insert(memory_of(copies_[i])).second || is_shared;
    }
    ReadOptions options = {.threads = options_.threads, .progress = progress};
    options.begun = is_written_.get();
    if (!is_shared) return read_ranges(*source_, ranges, options);
    for (const FileRange& range : ranges) {
      HARDLOAD_TRY(read_ranges(*source_, std::span(&range, 1), options));
      ++options.begun;
    }
    return {};
  }

  Error torn(const Error& cause) const {
    std::vector<std::size_t> order = direct_;
    order.insert(order.end(), converted_.begin(), converted_.end());
    std::string keys;
    std::size_t written = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (!is_written_[i]) continue;
      if (written++ < kNamed) append(keys, keys.empty() ? "'" : ", '", copies_[order[i]].key, "'");
    }
    if (written == 0) return cause;
    if (written > kNamed) append(keys, " and ", written - kNamed, " more");
    return Error(
        ErrorKind::kTorn, Stage::kTorch,
        concat(cause.problem(), "; of ", copies_.size(),
               " parameters and buffers these have new elements, or some of them: ", keys));
  }

  const std::shared_ptr<const ByteSource> source_;
  const std::shared_ptr<const Manifest> manifest_;
  const std::vector<InPlaceCopy>& copies_;
  const LoadOptions& options_;
  std::vector<std::size_t> direct_, converted_;      // among copies_
  std::vector<PreparedCopy> prepared_;               // of converted_
  std::unique_ptr<std::atomic<bool>[]> is_written_;  // of direct_, then of converted_
};

}  // namespace

Result<void> load_in_place(std::shared_ptr<const ByteSource> source,
                           std::shared_ptr<const Manifest> manifest,
                           const std::vector<InPlaceCopy>& copies, const LoadOptions& options) {
  return InPlace(std::move(source), std::move(manifest), copies, options).run();
}

}  // namespace hardload
