// PickleStream: pickles that stand in a file behind each other, with other bytes between them.
//
// The formats before torch 1.6 do not say how long a pickle is: it ends with its STOP. This finds
// the STOP by the lengths of instructions, without running any, and runs a private copy of what is
// up to there; what lies behind is not read.
//
//   PickleStream stream(source, 0, source.size(), limits);
//   HARDLOAD_ASSIGN(const ValueGraph magic, stream.next("magic_number"));
//   HARDLOAD_ASSIGN(const ValueGraph protocol, stream.next("protocol_version"));
//
// Ownership: borrows source and limits. Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/bytes/read_window.h"
#include "loader/pickle/machine.h"

namespace hardload {

class PickleStream {
 public:
  // The bytes of `source` from `begin` to `end`, which are inside of it.
  PickleStream(const ByteSource& source, std::uint64_t begin, std::uint64_t end,
               const Limits& limits)
      : source_(source), window_(source), position_(begin), end_(end), limits_(limits) {}

  // Runs the pickle that begins here, and goes on behind its STOP. `name` names it in errors, whose
  // offsets count from its first byte. Errors: those of run_pickle; kLimit over
  // Limits::max_pickle_bytes; those of reading.
  Result<ValueGraph> next(std::string_view name, Unlisted unlisted = Unlisted::kRefuse,
                          const NumberedKinds* numbered = nullptr);

  // The next `count` bytes, valid until the next call. Errors: kBounds where fewer are left; those
  // of reading.
  Result<std::span<const std::byte>> take(std::size_t count);

  // Bytes from the start of the source.
  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return end_ - position_; }
  // Goes on `count` bytes further, at most remaining().
  void skip(std::uint64_t count) { position_ += count; }

 private:
  // Behind the STOP; or behind the instruction that no pickle of torch has; or end_.
  Result<std::uint64_t> find_end();

  const ByteSource& source_;
  ReadWindow window_;
  std::uint64_t position_;
  const std::uint64_t end_;
  const Limits& limits_;
};

}  // namespace hardload
