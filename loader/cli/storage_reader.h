// StorageReader: the bytes of storages, window by window, in bounded memory.
//
//   StorageReader reader(source, manifest, limits);
//   HARDLOAD_TRY(reader.for_each_window(storage, take));        // all of it, its CRC-32 compared
//   HARDLOAD_TRY(reader.verify(storage));                       // or first that,
//   HARDLOAD_TRY(reader.read(storage, offset, window));         // and then any part
//
// What is handed out is little-endian, whatever the file's byte order. A deflated storage, as zip
// tools leave them and torch never does, is inflated whole, one at a time.
//
// Ownership: borrows source and manifest. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload {

class StorageReader {
 public:
  // A multiple of the size of all elements.
  static constexpr std::size_t kWindow = std::size_t{1} << 20;

  StorageReader(const ByteSource& source, const Manifest& manifest, const Limits& limits);

  const Manifest& manifest() const { return manifest_; }

  // Hands out all bytes of `storage` in order, in windows of kWindow, of which only the last may be
  // smaller, and stops where `take` fails. Errors: its own, those of read_record; kChecksum comes
  // after the last window.
  Result<void> for_each_window(std::uint32_t storage,
                               const std::function<Result<void>(std::span<std::byte>)>& take);

  // Compares the CRC-32 of `storage`, the first time that it is asked to. Errors: as above.
  Result<void> verify(std::uint32_t storage);

  // Fills `out` with the bytes at `offset` of `storage`, which has them. Errors: those of reading.
  Result<void> read(std::uint32_t storage, std::uint64_t offset, std::span<std::byte> out);

 private:
  Result<void> read_raw(const Record& record, std::uint64_t offset, std::span<std::byte> out);
  std::size_t swap_unit(std::uint32_t storage) const;

  const ByteSource& source_;
  const Manifest& manifest_;
  const Limits& limits_;
  std::vector<bool> is_verified_;  // by storage
  std::vector<std::byte> window_;
  std::vector<std::byte> whole_units_;
  const Record* inflated_record_ = nullptr;
  Buffer inflated_;
};

}  // namespace hardload
