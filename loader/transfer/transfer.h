// transfer: moves the bytes of storages from the file into memory, verified.
//
// All or nothing: every destination is allocated before the first byte is read, and a failure
// leaves only memory behind that nobody has seen, which the sink frees. What goes to devices takes
// no more of the host's memory than their rings (staging_ring.h), and one deflated record.
//
//   HARDLOAD_ASSIGN(auto report, transfer(source, manifest, storages, sink, {.threads = 2}));
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"
#include "loader/transfer/progress.h"
#include "loader/transfer/sink.h"

namespace hardload {

struct TransferOptions {
  const Limits& limits;
  unsigned threads = 0;    // 0: as many as pay: the machine's, or more to wait for a disk
  bool verify_crc = true;  // compare CRC-32s while the bytes are at hand
  ReportProgress progress = {};
};

struct TransferReport {
  std::uint64_t bytes = 0;           // moved
  std::uint64_t verified_bytes = 0;  // of these, with a CRC-32 that was compared
};

// Moves the content of each of `storages` (numbers of the manifest) to where `sink` says: inflated,
// in the machine's byte order, CRC-32 compared. Errors: kCancelled by options.progress; kLimit
// where the storages need far more memory than the file occupies; kChecksum; kContainer; kIo where
// reading fails or the file changed in the meantime; those of the sink and its devices, on which
// nothing is on its way any more when this returns.
Result<TransferReport> transfer(const ByteSource& source, const Manifest& manifest,
                                std::span<const std::size_t> storages, Sink& sink,
                                const TransferOptions& options);

}  // namespace hardload
