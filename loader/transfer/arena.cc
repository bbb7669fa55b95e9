#include "loader/transfer/arena.h"

#include <atomic>
#include <memory>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "loader/base/text.h"

namespace hardload {

// Whole pages of the region, and how many of the pieces in them are not released.
struct Arena::Block {
  std::uint64_t offset = 0, bytes = 0;  // in the region
  std::byte* data = nullptr;
  std::atomic<std::size_t> pieces = 0;
};

namespace {

// The unit in which the system takes memory back.
std::uint64_t page_bytes() {
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}
constexpr std::uint64_t kHugePage = 2 << 20;

std::uint64_t rounded_up(std::uint64_t number, std::uint64_t unit) {
  return (number + unit - 1) / unit * unit;
}

Error no_memory(std::uint64_t bytes) {
  return Error(ErrorKind::kOutOfMemory, Stage::kTransfer,
               concat("there is no memory for ", bytes, " bytes"));
}

// `bytes` bytes of new memory, a multiple of a page, that begin at a huge page if they fill one;
// nullptr where there are none.
std::byte* map_region(std::uint64_t bytes) {
  const std::uint64_t slack = bytes >= kHugePage ? kHugePage : 0;
  void* start =
      ::mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* region = static_cast<std::byte*>(start);
  if (slack == 0) return region;
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  const std::uint64_t before = rounded_up(address, kHugePage) - address;
  region += before;
  if (before > 0) ::munmap(start, before);
  if (before < slack) ::munmap(region + bytes, slack - before);
  ::madvise(region, bytes, MADV_HUGEPAGE);  // where there are none, small ones do
  return region;
}

}  // namespace

Result<Arena> Arena::make(std::span<const std::uint64_t> sizes) {
  // More than a process can address, and little enough that no sum below wraps.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<std::pair<std::size_t, std::uint64_t>> places;  // of pieces: block, offset in it
  places.reserve(sizes.size());
  std::uint64_t end = 0;  // of the region so far
  for (const std::uint64_t size : sizes) {
    if (size > kMost || end > kMost) return no_memory(size);
    std::uint64_t offset = rounded_up(end, kAlignment);
    if (blocks.empty() || offset + size - blocks.back()->offset > kBlock) {
      offset = rounded_up(end, page_bytes());
      blocks.push_back(std::make_unique<Block>());
      blocks.back()->offset = offset;
    }
    Block& block = *blocks.back();
    end = offset + size;
    block.bytes = rounded_up(end - block.offset, page_bytes());
    ++block.pieces;
    places.emplace_back(blocks.size() - 1, offset - block.offset);
  }
  Arena arena;
  if (end == 0) {
    arena.pieces_.resize(sizes.size());
    return arena;
  }
  end = rounded_up(end, page_bytes());
  arena.pieces_.reserve(sizes.size());
  std::byte* region = map_region(end);
  if (region == nullptr) return no_memory(end);
  for (const auto& block : blocks) block->data = region + block->offset;
  for (const auto& [block, offset] : places) {
    arena.pieces_.push_back({blocks[block]->data + offset, blocks[block].get()});
  }
  for (auto& block : blocks) block.release();  // now with their last piece
  return arena;
}

Arena::~Arena() {
  while (taken_ < pieces_.size()) release(next().owner);
}

void Arena::release(void* owner) {
  auto* block = static_cast<Block*>(owner);
  if (block == nullptr || block->pieces.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  // A hole may cost the system one more region than it allows; then the pages go at least.
  if (block->bytes != 0 && ::munmap(block->data, block->bytes) != 0) {
    ::madvise(block->data, block->bytes, MADV_DONTNEED);
  }
  delete block;
}

}  // namespace hardload
