#include "loader/transfer/transfer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "loader/base/byte_swap.h"
#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/container/record_reader.h"
#include "loader/transfer/parallel.h"
#include "loader/transfer/read_ranges.h"

namespace hardload {
namespace {

bool has_crc(const StorageSpec& storage) {
  return storage.record != nullptr && !storage.record->lacks_crc32();
}

// One storage on its way.
struct Move {
  const StorageSpec* storage;
  std::span<std::byte> destination;
};

Result<void> inflate_record(const ByteSource& source, const Move& move,
                            const TransferOptions& options, Progress& progress) {
  HARDLOAD_ASSIGN(const Buffer content,
                  read_record(source, *move.storage->record,
                              {.limits = options.limits, .verify_crc = options.verify_crc}));
  std::memcpy(move.destination.data(), content.bytes().data(), content.size());
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

}  // namespace

Result<TransferReport> transfer(const ByteSource& source, const Manifest& manifest,
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
  std::vector<Move> moves;
  moves.reserve(storages.size());
  for (std::size_t i = 0; i < storages.size(); ++i) {
    moves.push_back({&manifest.storages()[storages[i]], (*destinations)[i]});
  }
  Progress progress(options.progress, report.bytes);
  HARDLOAD_TRY(progress.add(0));
  std::vector<FileRange> stored;
  std::vector<Move> deflated;
  for (const Move& move : moves) {
    const Record* record = move.storage->record;
    if (record == nullptr || move.destination.empty()) continue;
    if (record->compression == Compression::kStored) {
      stored.push_back({record->data_offset, record->bytes, move.destination.data(),
                        options.verify_crc && has_crc(*move.storage) ? record : nullptr});
    } else {
      deflated.push_back(move);
    }
  }
  HARDLOAD_TRY(read_ranges(source, stored, {.threads = options.threads, .progress = progress}));
  HARDLOAD_TRY(for_each_parallel(deflated.size(), options.threads, [&](std::size_t i) {
    return inflate_record(source, deflated[i], options, progress);
  }));
  // As torch does it: by the storage's type, whatever the types of the tensors that view it.
  if ((manifest.byte_order() == ByteOrder::kLittle) !=
      (std::endian::native == std::endian::little)) {
    HARDLOAD_TRY(for_each_parallel(moves.size(), options.threads, [&](std::size_t i) {
      swap_bytes(moves[i].destination, info(moves[i].storage->dtype).swap_bytes);
      return Result<void>();
    }));
  }
  HARDLOAD_TRY(source.check_unchanged());
  return report;
}

}  // namespace hardload
