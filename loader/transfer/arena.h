// Arena: one region of new memory for many pieces, given back to the system in parts.
//
//   HARDLOAD_ASSIGN(Arena arena, Arena::make(sizes));
//   Arena::Piece first = arena.next();              // of sizes[0] bytes
//   ...
//   Arena::release(first.owner);                    // when nobody uses it any more
//
// Memory that a process has never touched is expensive: the system gives it out page by page, each
// with a fault. Taken as one region, in huge pages of 2 MiB where the system has them, it costs a
// fifth (bench/mechanisms.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "loader/base/result.h"

namespace hardload {

class Arena {
 public:
  // Small pieces share blocks of up to this many bytes, larger ones have one each. A block goes
  // back to the system when its last piece is released.
  static constexpr std::uint64_t kBlock = 1 << 20;
  // Of every piece.
  static constexpr std::uint64_t kAlignment = 64;

  struct Piece {
    std::byte* data;
    void* owner;  // for release()
  };

  // Memory for pieces of these sizes, in their order; of unset, in fact zero, bytes. Errors:
  // kOutOfMemory.
  static Result<Arena> make(std::span<const std::uint64_t> sizes);

  Arena(Arena&& other) noexcept { swap(other); }
  ~Arena();  // releases the pieces that were not taken

  // The next piece, which is now the caller's. As many times as there are sizes.
  Piece next() { return pieces_[taken_++]; }

  // Gives a piece back. Threads: any.
  static void release(void* owner);

 private:
  struct Block;

  Arena() = default;
  void swap(Arena& other) {
    std::swap(pieces_, other.pieces_);
    std::swap(taken_, other.taken_);
  }

  std::vector<Piece> pieces_;
  std::size_t taken_ = 0;
};

}  // namespace hardload
