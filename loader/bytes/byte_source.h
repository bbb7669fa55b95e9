// ByteSource: where the bytes of a checkpoint come from.
//
// A file read at positions (FileSource), the same file also mapped into memory (MappedSource),
// bytes that are in memory already (MemorySource); a part of another source (SliceSource), several
// as one (JoinedSource). The describe stages use read_at only: they copy what they parse, once, so
// that a file which changes under them cannot change what has been checked.
//
//   HARDLOAD_ASSIGN(auto source, FileSource::open("model.pth"));
//   std::array<std::byte, 4> magic;
//   HARDLOAD_TRY(source->read_at(0, magic));
//
// Ownership: a source owns its descriptor or mapping; a MemorySource borrows its bytes.
// Threads: all const functions may be called from any number of threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/base/result.h"

namespace hardload {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // The file's name as the caller gave it, for messages.
  virtual std::string_view name() const = 0;

  // Bytes in the source when it was opened.
  virtual std::uint64_t size() const = 0;

  // Bytes that it really occupies: less than size() for a sparse file. Caps on memory count these.
  virtual std::uint64_t allocated_bytes() const { return size(); }

  // Fills all of `out` with the bytes at `offset`. Errors: kBounds where the range is not inside
  // size(); kIo where reading fails or the file has become shorter. Never raises SIGBUS.
  virtual Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;

  // Whether the byte at `offset` can be read without waiting for a disk, as far as can be told.
  virtual bool is_cached(std::uint64_t offset) const {
    static_cast<void>(offset);
    return true;
  }

  // As read_at, but past the page cache where the source has one and can: for data that is not in
  // it. `offset` and the address and size of `out` have to be multiples of kDirectUnit; what of
  // `out` would lie behind the source's end holds anything.
  static constexpr std::uint64_t kDirectUnit = 4096;
  virtual Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const;

  // All bytes, where the source can lend them (mapped or in memory), else empty. They stay valid
  // as long as the source; a mapped file's bytes follow the file.
  virtual std::span<const std::byte> view() const { return {}; }

  // The same of `count` bytes at `offset`, a range inside size(); also where the source can lend
  // some of its bytes, but not all in one piece.
  virtual std::span<const std::byte> view_at(std::uint64_t offset, std::uint64_t count) const {
    return view().empty() ? view() : view().subspan(offset, count);
  }

  // kIo where the file is no longer the one that was opened (size or time of change differ).
  virtual Result<void> check_unchanged() const { return {}; }

  // Whether the range is inside size(): success, or the kBounds error that read_at gives.
  Result<void> check_range(std::uint64_t offset, std::uint64_t count) const;
};

}  // namespace hardload
