// Buffer: a block of bytes of a size fixed at birth, not filled with zeros first.
//
// What the describe stages parse is read into one of these. A size that cannot be had is an Error,
// not an exception.
//
// Ownership: owns its bytes; moves, does not copy. Threads: like an array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"

namespace hardload {

class Buffer {
 public:
  Buffer() = default;

  // A buffer of `size` unset bytes. Errors: kOutOfMemory.
  static Result<Buffer> allocate(std::uint64_t size);

  // The `size` bytes of `source` at `offset`. The range is compared with the source before anything
  // is allocated. Errors: kOutOfMemory, and those of ByteSource::read_at.
  static Result<Buffer> read(const ByteSource& source, std::uint64_t offset, std::uint64_t size);

  std::span<std::byte> bytes() { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

}  // namespace hardload
