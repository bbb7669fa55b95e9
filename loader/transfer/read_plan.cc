#include "loader/transfer/read_plan.h"

#include <algorithm>
#include <numeric>

namespace hardload {
namespace {

// Large enough for a huge page of memory (2 MiB) to be filled by one thread, small enough for
// threads to end together.
constexpr std::uint64_t kPiece = 4 << 20;

// Ranges up to this size are read together with their neighbours: up to kTogether bytes, and where
// what lies between them costs less to read than another system call.
constexpr std::uint64_t kSmall = 64 << 10;
static_assert(kSmall <= DeviceCopies::kSmall);
constexpr std::uint64_t kTogether = 256 << 10;
constexpr std::uint64_t kGap = 4 << 10;

// Bytes of the range, from `begin` on, that one piece takes: a slot of a device's ring, or up to a
// multiple of kPiece in memory, so that two threads seldom touch one huge page.
std::uint64_t cut(const FileRange& range, std::uint64_t begin) {
  if (range.ring != nullptr) return std::min(range.bytes - begin, StagingRing::kSlot);
  const std::uint64_t address = range.destination == nullptr
                                    ? range.offset + begin
                                    : reinterpret_cast<std::uintptr_t>(range.destination) + begin;
  return std::min(range.bytes - begin, kPiece - address % kPiece);
}

// Whether `next` is wanted where `last` ends, so that one copy to a device can bring both.
bool follows_on_device(const FileRange& last, const FileRange& next) {
  const std::uint64_t units = (last.bytes + DeviceCopies::kUnit - 1) / DeviceCopies::kUnit;
  return next.destination == last.destination + units * DeviceCopies::kUnit;
}

}  // namespace

ReadPlan::ReadPlan(std::span<const FileRange> ranges) {
  std::vector<std::uint32_t> order(ranges.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return ranges[a].offset < ranges[b].offset;
  });
  parts_.reserve(ranges.size());
  bool is_open = false;  // whether the last piece takes more small ranges
  // Whether one slot, or none, serves this range and those of the last piece.
  const auto can_share = [&](const FileRange& range) {
    const FileRange& first = ranges[parts_[pieces_.back().first_part].range];
    if (range.ring != first.ring) return false;
    if (range.ring == nullptr) return true;
    return follows_on_device(ranges[parts_.back().range], range) &&
           range.destination + range.bytes <= first.destination + StagingRing::kSlot;
  };
  for (const std::uint32_t number : order) {
    const FileRange& range = ranges[number];
    if (range.bytes == 0) continue;
    const bool is_small = range.bytes <= kSmall;
    if (is_open && is_small) {
      Piece& last = pieces_.back();
      const std::uint64_t end = last.offset + last.bytes;
      if (range.offset >= end && range.offset - end <= kGap &&
          range.offset + range.bytes - last.offset <= kTogether && can_share(range)) {
        last.bytes = range.offset + range.bytes - last.offset;
        ++last.parts;
        parts_.push_back({number, 0, range.bytes});
        continue;
      }
    }
    is_open = is_small;
    for (std::uint64_t begin = 0; begin < range.bytes;) {
      const std::uint64_t bytes = cut(range, begin);
      pieces_.push_back(
          {range.offset + begin, bytes, static_cast<std::uint32_t>(parts_.size()), 1});
      parts_.push_back({number, begin, bytes});
      begin += bytes;
    }
  }
}

}  // namespace hardload
