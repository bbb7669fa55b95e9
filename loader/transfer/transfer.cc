#include "loader/transfer/transfer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "loader/base/byte_swap.h"
#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/container/record_reader.h"
#include "loader/transfer/parallel.h"
#include "loader/transfer/read_ranges.h"
#include "loader/transfer/staging_ring.h"

namespace hardload {
namespace {

bool has_crc(const StorageSpec& storage) {
  return storage.record != nullptr && !storage.record->lacks_crc32();
}

// One storage on its way.
struct Move {
  const StorageSpec* storage;
  Sink::Destination to;
  StagingRing* ring;  // of to.device
};

// The rings of all devices that storages go to.
class Rings {
 public:
  static Result<Rings> make(std::span<const Sink::Destination> destinations,
                            std::span<const Sink::Wanted> wanted) {
    std::map<DeviceCopies*, std::uint64_t> bytes;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (destinations[i].device == nullptr || wanted[i].bytes == 0) continue;
      constexpr std::uint64_t kUnit = DeviceCopies::kUnit;
      bytes[destinations[i].device] += (wanted[i].bytes + kUnit - 1) / kUnit * kUnit;
    }
    Rings rings;
    for (const auto& [device, total] : bytes) {
      HARDLOAD_ASSIGN(rings.rings_[device], StagingRing::make(*device, total, bytes.size()));
    }
    return rings;
  }

  StagingRing* of(DeviceCopies* device) const {
    const auto found = rings_.find(device);
    return found == rings_.end() ? nullptr : found->second.get();
  }

  Result<void> finish() {
    for (const auto& [device, ring] : rings_) HARDLOAD_TRY(ring->finish());
    return {};
  }

 private:
  std::map<DeviceCopies*, std::unique_ptr<StagingRing>> rings_;
};

Result<void> inflate_record(const ByteSource& source, const Move& move, std::size_t swap_unit,
                            const TransferOptions& options, Progress& progress) {
  HARDLOAD_ASSIGN(Buffer content,
                  read_record(source, *move.storage->record,
                              {.limits = options.limits, .verify_crc = options.verify_crc}));
  swap_bytes(content.bytes(), swap_unit);
  if (move.ring != nullptr) {
    HARDLOAD_TRY(move.ring->send(content.bytes(), move.to.memory));
  } else {
    std::memcpy(move.to.memory, content.bytes().data(), content.size());
  }
  return progress.add(content.size());
}

// The bytes that the storages need, justified by what the file really occupies.
Result<std::uint64_t> count_bytes(const ByteSource& source, const Manifest& manifest,
                                  std::span<const std::size_t> storages, const Limits& limits) {
  std::uint64_t total = 0;
  for (const std::size_t number : storages) {
    const StorageSpec& storage = manifest.storages()[number];
    if (storage.record != nullptr) {
      HARDLOAD_TRY(check_expansion(source, *storage.record, limits));
    }
    // Each is within the limit, but all together may not be.
    total = checked_add(total, storage.bytes).value_or(~std::uint64_t{0});
  }
  const std::uint64_t most = limits.expanded(source.allocated_bytes());
  if (total <= most) return total;
  return Error(ErrorKind::kLimit, Stage::kTransfer,
               concat("the tensors need ", total, " bytes, but the file occupies only ",
                      source.allocated_bytes(), ", which max_expansion allows to become ", most));
}

Error without_memory(const Error& error, std::uint64_t total) {
  return Error(error.kind(), error.stage(),
               concat(error.problem(), "; the tensors to load take ", total, " bytes together"))
      .advise("Free memory, or load fewer tensors at a time, or map the file.");
}

Result<TransferReport> move_all(const ByteSource& source, const Manifest& manifest,
                                std::span<const std::size_t> storages, Sink& sink,
                                const TransferOptions& options) {
  TransferReport report;
  HARDLOAD_ASSIGN(report.bytes, count_bytes(source, manifest, storages, options.limits));
  std::vector<Sink::Wanted> wanted;
  wanted.reserve(storages.size());
  for (const std::size_t number : storages) {
    const StorageSpec& storage = manifest.storages()[number];
    wanted.push_back({number, storage.bytes});
    if (options.verify_crc && has_crc(storage)) {
      report.verified_bytes += storage.bytes;
    }
  }
  const auto destinations = sink.allocate(wanted);
  if (!destinations.ok()) return without_memory(destinations.error(), report.bytes);
  HARDLOAD_ASSIGN(Rings rings, Rings::make(*destinations, wanted));
  const bool is_native =
      (manifest.byte_order() == ByteOrder::kLittle) == (std::endian::native == std::endian::little);
  // As torch does it: by the storage's type, whatever the types of the tensors that view it.
  const auto swap_unit = [&](const StorageSpec& storage) {
    return is_native ? std::size_t{1} : std::size_t{info(storage.dtype).swap_bytes};
  };
  Progress progress(options.progress, report.bytes);
  HARDLOAD_TRY(progress.add(0));
  std::vector<FileRange> stored;
  std::vector<Move> deflated, deflated_to_devices;
  for (std::size_t i = 0; i < storages.size(); ++i) {
    const StorageSpec& storage = manifest.storages()[storages[i]];
    const Record* record = storage.record;
    if (record == nullptr || storage.bytes == 0) continue;
    const Sink::Destination& to = (*destinations)[i];
    StagingRing* const ring = rings.of(to.device);
    if (record->compression == Compression::kStored) {
      stored.push_back({.offset = record->data_offset,
                        .bytes = record->bytes,
                        .destination = to.memory,
                        .record = options.verify_crc && has_crc(storage) ? record : nullptr,
                        .ring = ring,
                        .swap_unit = swap_unit(storage)});
    } else {
      (ring == nullptr ? deflated : deflated_to_devices).push_back({&storage, to, ring});
    }
  }
  HARDLOAD_TRY(read_ranges(source, stored, {.threads = options.threads, .progress = progress}));
  const auto inflate_all = [&](std::span<const Move> moves, unsigned threads) {
    return for_each_parallel(moves.size(), threads, [&](std::size_t i) {
      return inflate_record(source, moves[i], swap_unit(*moves[i].storage), options, progress);
    });
  };
  HARDLOAD_TRY(inflate_all(deflated, options.threads));
  // One after the other: memory for one of them is all that they take of the host's.
  HARDLOAD_TRY(inflate_all(deflated_to_devices, 1));
  HARDLOAD_TRY(rings.finish());
  return report;
}

}  // namespace

Result<TransferReport> transfer(const ByteSource& source, const Manifest& manifest,
                                std::span<const std::size_t> storages, Sink& sink,
                                const TransferOptions& options) {
  return if_unchanged(source, move_all(source, manifest, storages, sink, options));
}

}  // namespace hardload
