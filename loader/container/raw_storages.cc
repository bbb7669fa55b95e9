#include "loader/container/raw_storages.h"

#include <utility>

#include "loader/base/checked.h"
#include "loader/base/cursor.h"
#include "loader/base/hash.h"
#include "loader/base/text.h"

namespace hardload {

Result<std::uint64_t> RawStorages::add(const Declared& declared, std::span<const std::byte> count,
                                       std::uint64_t offset, std::uint64_t end,
                                       const Limits& limits) {
  const auto wrong = [&](ErrorKind kind, std::string problem) {
    return Error(kind, Stage::kContainer, std::move(problem)).in_record(declared.key).at(offset);
  };
  if (records_.size() >= limits.max_records) {
    return wrong(ErrorKind::kLimit,
                 concat("there are more storages than max_records, ", limits.max_records));
  }
  const std::uint64_t numel = Cursor(count).read<std::uint64_t>().value_or(~std::uint64_t{0});
  if (numel >> 63 != 0) {
    return wrong(ErrorKind::kStorage,
                 concat("the storage has ", static_cast<std::int64_t>(numel), " elements"));
  }
  if (declared.numel && *declared.numel != numel) {
    return wrong(ErrorKind::kStorage, concat("storage has wrong size: expected ", *declared.numel,
                                             " elements, got ", numel));
  }
  const auto bytes = checked_mul(numel, declared.item_bytes);
  const std::uint64_t data = offset + kCountBytes;
  if (!bytes || *bytes > end - data) {
    return wrong(ErrorKind::kBounds,
                 concat("the storage has ", numel, " elements of ", declared.item_bytes,
                        " bytes, but only ", end - data, " bytes follow"))
        .advise("The file is cut short: fetch it again.");
  }
  records_.push_back({.name = keep(declared.key),
                      .header_offset = offset,
                      .data_offset = data,
                      .stored_bytes = *bytes,
                      .bytes = *bytes,
                      .crc32 = 0,
                      .flags = 0,
                      .compression = Compression::kStored});
  return data + *bytes;
}

Result<void> RawStorages::make_index() {
  const auto count = static_cast<std::uint32_t>(records_.size());  // within max_records
  by_name_ = NameIndex(count);
  const auto repeated = by_name_.insert_all(
      count, [&](std::uint32_t i) { return seeded_hash(records_[i].name); },
      [&](std::uint32_t i, std::uint32_t j) { return records_[i].name == records_[j].name; });
  if (!repeated) return {};
  const Record& second = records_[repeated->second];
  return Error(ErrorKind::kStorage, Stage::kContainer, "the storage is there twice")
      .in_record(second.name)
      .at(second.header_offset);
}

const Record* RawStorages::storage(std::string_view key, const Record* previous) const {
  if (previous != nullptr && previous != &records_.back() && previous[1].name == key) {
    return previous + 1;
  }
  const auto found =
      by_name_.find(seeded_hash(key), [&](std::uint32_t i) { return records_[i].name == key; });
  return found ? &records_[*found] : nullptr;
}

}  // namespace hardload
