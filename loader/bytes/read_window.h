// ReadWindow: small reads at ascending positions, few system calls.
//
// The local headers of 100,000 tiny records lie a hundred bytes apart, those of large records
// gigabytes. The window reads ahead only while reads turn out to be close together.
//
// Ownership: borrows the source. Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "loader/bytes/byte_source.h"

namespace hardload {

class ReadWindow {
 public:
  explicit ReadWindow(const ByteSource& source) : source_(source) {}

  // The `count` bytes at `offset`, a private copy, valid until the next call. Errors: those of
  // ByteSource::read_at; the range is compared with the source before memory is taken.
  Result<std::span<const std::byte>> at(std::uint64_t offset, std::size_t count);

 private:
  const ByteSource& source_;
  std::uint64_t start_ = 0;  // of the window, in the source
  std::vector<std::byte> window_;
};

}  // namespace hardload
