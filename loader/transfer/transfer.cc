#include "loader/transfer/transfer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "loader/base/byte_swap.h"
#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/container/crc32.h"
#include "loader/container/record_reader.h"
#include "loader/transfer/parallel.h"

namespace hardload {
namespace {

// Small enough that a chunk is still in the cache when its CRC is computed.
constexpr std::size_t kChunk = 256 << 10;

// One storage on its way.
struct Move {
  const StorageSpec* storage;
  std::span<std::byte> destination;
};

Result<void> read_stored(const ByteSource& source, const Record& record,
                         std::span<std::byte> destination, bool verify_crc, Progress& progress) {
  std::uint32_t crc = 0;
  for (std::size_t done = 0; done < destination.size(); done += kChunk) {
    const auto chunk = destination.subspan(done, std::min(kChunk, destination.size() - done));
    HARDLOAD_TRY(source.read_at(record.data_offset + done, chunk));
    if (verify_crc) crc = crc32(chunk, crc);
    HARDLOAD_TRY(progress.add(chunk.size()));
  }
  if (!verify_crc || record.lacks_crc32() || crc == record.crc32) return {};
  return Error(ErrorKind::kChecksum, Stage::kTransfer,
               concat("the record's CRC-32 is ", crc, ", but the archive says ", record.crc32))
      .in_record(record.name);
}

Result<void> run(const ByteSource& source, ByteOrder order, const Move& move,
                 const TransferOptions& options, Progress& progress) {
  const Record* record = move.storage->record;
  if (record == nullptr || move.destination.empty()) return {};
  if (record->compression == Compression::kStored) {
    HARDLOAD_TRY(read_stored(source, *record, move.destination, options.verify_crc, progress));
  } else {
    HARDLOAD_ASSIGN(
        const Buffer content,
        read_record(source, *record, {.limits = options.limits, .verify_crc = options.verify_crc}));
    std::memcpy(move.destination.data(), content.bytes().data(), content.size());
    HARDLOAD_TRY(progress.add(content.size()));
  }
  // As torch does it: by the storage's type, whatever the types of the tensors that view it.
  if ((order == ByteOrder::kLittle) != (std::endian::native == std::endian::little)) {
    swap_bytes(move.destination, info(move.storage->dtype).swap_bytes);
  }
  return {};
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
  std::vector<Move> moves;
  moves.reserve(storages.size());
  for (const std::size_t number : storages) {
    const StorageSpec& storage = manifest.storages()[number];
    auto destination = sink.allocate(number, storage.bytes);
    if (!destination.ok()) return without_memory(destination.error(), report.bytes);
    moves.push_back({&storage, *destination});
    if (options.verify_crc && storage.record != nullptr && !storage.record->lacks_crc32()) {
      report.verified_bytes += storage.bytes;
    }
  }
  Progress progress(options.progress, report.bytes);
  HARDLOAD_TRY(progress.add(0));
  HARDLOAD_TRY(for_each_parallel(moves.size(), options.threads, [&](std::size_t i) {
    return run(source, manifest.byte_order(), moves[i], options, progress);
  }));
  HARDLOAD_TRY(source.check_unchanged());
  return report;
}

}  // namespace hardload
