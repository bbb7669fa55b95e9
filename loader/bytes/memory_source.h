// MemorySource: a checkpoint that is in memory already, and read_stream, which brings one there.
//
//   MemorySource source(bytes, "upload");                                   // borrows
//   HARDLOAD_ASSIGN(auto source, read_stream(STDIN_FILENO, "-", limits));   // owns
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "loader/base/limits.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/byte_source.h"

namespace hardload {

class MemorySource final : public ByteSource {
 public:
  // Borrows `bytes`, which must outlive the source.
  MemorySource(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}
  // Owns `buffer`, of which `size` bytes count.
  MemorySource(Buffer buffer, std::size_t size, std::string name)
      : owned_(std::move(buffer)), bytes_(owned_.bytes().first(size)), name_(std::move(name)) {}

  std::string_view name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  std::span<const std::byte> view() const override { return bytes_; }

 private:
  Buffer owned_;
  std::span<const std::byte> bytes_;
  std::string name_;
};

// All bytes of a pipe or other stream, to its end. Errors: kIo; kLimit over
// Limits::max_stream_bytes; kOutOfMemory. Memory: at most three times what has arrived.
Result<std::unique_ptr<ByteSource>> read_stream(int descriptor, std::string name,
                                                const Limits& limits);

}  // namespace hardload
