#include "loader/cli/storage_reader.h"

#include <algorithm>
#include <cstring>

#include "loader/base/byte_swap.h"
#include "loader/container/crc32.h"
#include "loader/container/record_reader.h"

namespace hardload {

StorageReader::StorageReader(const ByteSource& source, const Manifest& manifest,
                             const Limits& limits)
    : source_(source),
      manifest_(manifest),
      limits_(limits),
      is_verified_(manifest.storages().size()) {}

std::size_t StorageReader::swap_unit(std::uint32_t storage) const {
  const bool big = manifest_.byte_order() == ByteOrder::kBig;
  return big ? info(manifest_.storages()[storage].dtype).swap_bytes : 1;
}

Result<void> StorageReader::read_raw(const Record& record, std::uint64_t offset,
                                     std::span<std::byte> out) {
  if (record.compression == Compression::kStored) {
    return source_.read_at(record.data_offset + offset, out);
  }
  if (inflated_record_ != &record) {
    inflated_record_ = nullptr;
    inflated_ = Buffer();
    HARDLOAD_ASSIGN(inflated_,
                    read_record(source_, record, {.limits = limits_, .verify_crc = false}));
    inflated_record_ = &record;
  }
  std::memcpy(out.data(), inflated_.bytes().data() + offset, out.size());
  return {};
}

Result<void> StorageReader::for_each_window(
    std::uint32_t storage, const std::function<Result<void>(std::span<std::byte>)>& take) {
  const StorageSpec& spec = manifest_.storages()[storage];
  if (spec.bytes == 0) return {};
  HARDLOAD_TRY(check_expansion(source_, *spec.record, limits_));
  window_.resize(std::min<std::uint64_t>(kWindow, spec.bytes));
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < spec.bytes;) {
    const auto window =
        std::span(window_).first(std::min<std::uint64_t>(kWindow, spec.bytes - done));
    HARDLOAD_TRY(read_raw(*spec.record, done, window));
    crc = crc32(window, crc);
    swap_bytes(window, swap_unit(storage));
    HARDLOAD_TRY(take(window));
    done += window.size();
  }
  HARDLOAD_TRY(check_crc(*spec.record, crc));
  is_verified_[storage] = true;
  return {};
}

Result<void> StorageReader::verify(std::uint32_t storage) {
  if (is_verified_[storage]) return {};
  return for_each_window(storage, [](std::span<std::byte>) { return Result<void>(); });
}

Result<void> StorageReader::read(std::uint32_t storage, std::uint64_t offset,
                                 std::span<std::byte> out) {
  if (out.empty()) return {};
  const Record& record = *manifest_.storages()[storage].record;
  const std::size_t unit = swap_unit(storage);
  if (unit == 1) return read_raw(record, offset, out);
  // A view as another type may begin and end inside of what is swapped.
  const std::uint64_t begin = offset - offset % unit;
  const std::uint64_t end = (offset + out.size() + unit - 1) / unit * unit;
  whole_units_.resize(end - begin);
  HARDLOAD_TRY(read_raw(record, begin, whole_units_));
  swap_bytes(whole_units_, unit);
  std::memcpy(out.data(), whole_units_.data() + (offset - begin), out.size());
  return {};
}

}  // namespace hardload
