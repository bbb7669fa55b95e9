// read_ranges: many ranges of a file into memory, on several threads, CRC-32s compared.
//
//   HARDLOAD_TRY(read_ranges(source, ranges, {.progress = progress}));
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/transfer/progress.h"
#include "loader/transfer/read_plan.h"

namespace hardload {

struct ReadOptions {
  unsigned threads = 0;  // 0: as many as pay: those of the machine, or more to wait for a disk
  Progress& progress;    // counts every byte of the ranges
  // What is not in the page cache is read into it, because it will soon be read again.
  bool to_page_cache = false;
  // One for each range, set before the first byte of its destination changes; or nullptr.
  std::atomic<bool>* begun = nullptr;
};

// Reads every byte of the ranges once. Ranges may overlap in the file, their destinations may not.
// What is in the page cache is copied from there; what is not is read past it, with many requests
// at a time. What is wanted on a device is read into slots of its ring, and is there when the ring
// has been finished. Errors: kChecksum naming the first range's record whose CRC-32 differs;
// kCancelled by the progress; kOutOfMemory; those of reading, and of the rings. After an error
// destinations hold anything.
Result<void> read_ranges(const ByteSource& source, std::span<const FileRange> ranges,
                         const ReadOptions& options);

}  // namespace hardload
