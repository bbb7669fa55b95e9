#include "loader/transfer/read_ranges.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "loader/base/byte_swap.h"
#include "loader/container/crc32.h"
#include "loader/container/record_reader.h"
#include "loader/transfer/buffer_pool.h"
#include "loader/transfer/parallel.h"

namespace hardload {
namespace {

// Bytes between two looks at the progress: small enough to be in the cache still when their CRC is
// computed.
constexpr std::uint64_t kCached = 256 << 10;
// What one request asks of a disk, and how many requests keep it busy. Each has a buffer.
constexpr std::uint64_t kRequest = 1 << 20;
constexpr unsigned kLeastRequests = 8, kMostRequests = 16;
// Pieces that are looked at to tell whether the file is in the page cache.
constexpr std::size_t kSamples = 16;

class Reader {
 public:
  Reader(const ByteSource& source, std::span<const FileRange> ranges, const ReadOptions& options)
      : source_(source),
        ranges_(ranges),
        options_(options),
        plan_(ranges),
        crcs_(plan_.parts().size()),
        buffers_(kRequest + 2 * ByteSource::kDirectUnit) {}

  Result<void> run() {
    const auto pieces = plan_.pieces();
    is_cached_ = is_cached();
    unsigned threads = options_.threads;
    if (threads == 0 && !is_cached_) {
      threads = std::clamp(machine_threads(), kLeastRequests, kMostRequests);
    }
    HARDLOAD_TRY(
        for_each_parallel(pieces.size(), threads, [&](std::size_t i) { return read(pieces[i]); }));
    return compare_crcs();
  }

 private:
  bool is_cached() {
    const auto pieces = plan_.pieces();
    const std::size_t step = std::max<std::size_t>(1, pieces.size() / kSamples);
    for (std::size_t i = 0; i < pieces.size(); i += step) {
      if (!is_cached(pieces[i])) return false;
    }
    return true;
  }

  // Looks at another page of the piece each time: the look itself brings the page into the cache.
  bool is_cached(const ReadPlan::Piece& piece) {
    const std::uint64_t random = (++looks_ * 0x9e3779b97f4a7c15) >> 11;
    return source_.is_cached(piece.offset + random % piece.bytes);
  }

  Result<void> read(const ReadPlan::Piece& piece) {
    const auto parts = plan_.parts().subspan(piece.first_part, piece.parts);
    StagingRing* const ring = ranges_[parts[0].range].ring;
    if (ring == nullptr) return fill(piece, parts, 0);
    HARDLOAD_ASSIGN(StagingRing::Slot slot, ring->take());
    const std::uintptr_t to = address(parts[0]);
    const auto memory = reinterpret_cast<std::uintptr_t>(slot.bytes().data());
    HARDLOAD_TRY(fill(piece, parts, memory - to));
    // Between the parts are old bytes of the slot, which go where nobody looks.
    const ReadPlan::Part& last = parts.back();
    return slot.send(address(last) + last.bytes - to, reinterpret_cast<std::byte*>(to));
  }

  // Where the bytes of a part are wanted.
  std::uintptr_t address(const ReadPlan::Part& part) const {
    return reinterpret_cast<std::uintptr_t>(ranges_[part.range].destination) + part.begin;
  }

  // Reads a piece, and puts it `shift` bytes (modulo 2^64) behind where it is wanted: in a slot.
  Result<void> fill(const ReadPlan::Piece& piece, std::span<const ReadPlan::Part> parts,
                    std::uintptr_t shift) {
    const bool is_direct = !is_cached_ && !options_.to_page_cache && !is_cached(piece);
    HARDLOAD_TRY(is_direct || parts.size() > 1 || memory_of(parts[0], shift) == nullptr
                     ? read_buffered(piece, parts, shift, is_direct)
                     : read_straight(parts[0], memory_of(parts[0], shift)));
    for (const ReadPlan::Part& part : parts) {
      const std::size_t unit = ranges_[part.range].swap_unit;
      if (unit > 1) swap_bytes({memory_of(part, shift), part.bytes}, unit);
    }
    return {};
  }

  // nullptr: the part is only looked at.
  std::byte* memory_of(const ReadPlan::Part& part, std::uintptr_t shift) const {
    if (ranges_[part.range].destination == nullptr) return nullptr;
    return reinterpret_cast<std::byte*>(address(part) + shift);
  }

  Result<void> read_buffered(const ReadPlan::Piece& piece, std::span<const ReadPlan::Part> parts,
                             std::uintptr_t shift, bool is_direct) {
    HARDLOAD_ASSIGN(const BufferPool::Buffer buffer, buffers_.take());
    const std::uint64_t window = is_direct ? kRequest : kCached;
    for (std::uint64_t done = 0; done < piece.bytes; done += window) {
      const std::uint64_t begin = piece.offset + done;
      const std::uint64_t count = std::min(window, piece.bytes - done);
      HARDLOAD_ASSIGN(const auto bytes, read_window(begin, count, buffer.bytes(), is_direct));
      for (const ReadPlan::Part& part : parts) {
        const std::uint64_t part_begin = ranges_[part.range].offset + part.begin;
        const std::uint64_t from = std::max(begin, part_begin);
        const std::uint64_t to = std::min(begin + count, part_begin + part.bytes);
        if (from >= to) continue;
        const auto wanted = bytes.subspan(from - begin, to - from);
        if (std::byte* memory = memory_of(part, shift)) {
          this->begin(part);
          std::memcpy(memory + (from - part_begin), wanted.data(), wanted.size());
        }
        HARDLOAD_TRY(this->count(part, wanted));
      }
    }
    return {};
  }

  // From the page cache to `memory`.
  Result<void> read_straight(const ReadPlan::Part& part, std::byte* memory) {
    begin(part);
    const std::uint64_t offset = ranges_[part.range].offset + part.begin;
    for (std::uint64_t done = 0; done < part.bytes; done += kCached) {
      const std::span<std::byte> out(memory + done, std::min(kCached, part.bytes - done));
      HARDLOAD_TRY(source_.read_at(offset + done, out));
      HARDLOAD_TRY(count(part, out));
    }
    return {};
  }

  // The bytes [begin, begin + count) of the file, in `buffer`.
  Result<std::span<const std::byte>> read_window(std::uint64_t begin, std::uint64_t count,
                                                 std::span<std::byte> buffer,
                                                 bool is_direct) const {
    if (!is_direct) {
      HARDLOAD_TRY(source_.read_at(begin, buffer.first(count)));
      return std::span<const std::byte>(buffer.first(count));
    }
    constexpr std::uint64_t kUnit = ByteSource::kDirectUnit;
    const std::uint64_t before = begin % kUnit;
    const std::uint64_t whole = (before + count + kUnit - 1) / kUnit * kUnit;
    HARDLOAD_TRY(source_.read_direct(begin - before, buffer.first(whole)));
    return std::span<const std::byte>(buffer.subspan(before, count));
  }

  void begin(const ReadPlan::Part& part) {
    if (options_.begun != nullptr) options_.begun[part.range] = true;
  }

  Result<void> count(const ReadPlan::Part& part, std::span<const std::byte> bytes) {
    if (ranges_[part.range].record != nullptr) {
      std::uint32_t& crc = crcs_[static_cast<std::size_t>(&part - plan_.parts().data())];
      crc = crc32(bytes, crc);
    }
    return options_.progress.add(bytes.size());
  }

  Result<void> compare_crcs() const {
    const auto is_record = [](const FileRange& range) { return range.record != nullptr; };
    if (std::none_of(ranges_.begin(), ranges_.end(), is_record)) return {};
    std::vector<std::uint32_t> crcs(ranges_.size());
    for (std::size_t i = 0; i < crcs_.size(); ++i) {
      const ReadPlan::Part& part = plan_.parts()[i];
      std::uint32_t& crc = crcs[part.range];
      crc = part.begin == 0 ? crcs_[i] : crc32_joined(crc, crcs_[i], part.bytes);
    }
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      if (ranges_[i].record != nullptr) HARDLOAD_TRY(check_crc(*ranges_[i].record, crcs[i]));
    }
    return {};
  }

  const ByteSource& source_;
  const std::span<const FileRange> ranges_;
  const ReadOptions& options_;
  const ReadPlan plan_;
  std::vector<std::uint32_t> crcs_;  // of the parts
  BufferPool buffers_;
  bool is_cached_ = true;
  // Begins anywhere, so that another load of the file looks at other pages.
  std::atomic<std::uint64_t> looks_{
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())};
};

}  // namespace

Result<void> read_ranges(const ByteSource& source, std::span<const FileRange> ranges,
                         const ReadOptions& options) {
  return Reader(source, ranges, options).run();
}

}  // namespace hardload
