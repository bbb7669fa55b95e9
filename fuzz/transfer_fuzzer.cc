// Property: every way in which bytes can move brings the same: from the page cache, past it, on one
// thread or several, through the ring to a device, and verified first and moved then; or all of
// them refuse the file for the same reason.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/archive_mutator.h"
#include "fuzz/byte_paths.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/manifest/describe.h"
#include "loader/transfer/read_ranges.h"
#include "loader/transfer/transfer.h"

namespace {

using namespace hardload;

fuzz::Milestones<3> milestones({"described", "with storages", "moved"});

struct Outcome {
  std::string contents;
  std::optional<Error> error;
  bool operator==(const Outcome& other) const {
    if (!error || !other.error) return !error && !other.error && contents == other.contents;
    return error->kind() == other.error->kind() && error->record() == other.error->record();
  }
};

Outcome move(const ByteSource& source, const Manifest& manifest, const TransferOptions& options,
             DeviceCopies* device = nullptr) {
  std::vector<std::size_t> storages(manifest.storages().size());
  std::iota(storages.begin(), storages.end(), std::size_t{0});
  fuzz::Memory memory(device);
  const auto report = transfer(source, manifest, storages, memory, options);
  if (!report.ok()) return {"", report.error()};
  return {memory.contents(), std::nullopt};
}

// As a load in place does it: all CRC-32s, and then all bytes without looking at them.
Outcome verify_and_move(const ByteSource& source, const Manifest& manifest, const Limits& limits) {
  std::vector<FileRange> ranges;
  for (const StorageSpec& storage : manifest.storages()) {
    const Record* record = storage.record;
    if (record == nullptr || record->compression != Compression::kStored) continue;
    ranges.push_back({record->data_offset, record->bytes, /*destination=*/nullptr, record});
  }
  Progress progress({}, 0);
  const auto verified = read_ranges(source, ranges, {.progress = progress, .to_page_cache = true});
  if (!verified.ok()) return {"", verified.error()};
  return move(source, manifest, {.limits = limits, .verify_crc = false});
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const MemorySource source(fuzz::as_bytes(data, size), "input");
  const auto manifest = describe(source, {.limits = limits});
  if (!manifest.ok()) return 0;
  milestones.reach(0);
  if (manifest->storages().empty()) return 0;
  milestones.reach(1);
  const Outcome expected = move(source, *manifest, {.limits = limits, .threads = 1});
  if (!expected.error) milestones.reach(2);
  const fuzz::ColdSource cold(source);
  fuzz::LateDevice device, other;
  const auto same = [&](const Outcome& outcome, const char* how) {
    fuzz::check(outcome == expected, how);
  };
  same(move(source, *manifest, {.limits = limits, .threads = 2}), "two threads move the same");
  same(move(cold, *manifest, {.limits = limits, .threads = 2}), "past the page cache is the same");
  same(move(source, *manifest, {.limits = limits}, &device), "a device gets the same");
  same(move(cold, *manifest, {.limits = limits}, &other), "a device gets the same of a cold file");
  const auto records = manifest->container().records();
  if (std::all_of(records.begin(), records.end(), [](const Record& record) {
        return record.compression == Compression::kStored;
      })) {
    same(verify_and_move(source, *manifest, limits), "verified first, it is the same");
  }
  return 0;
}
