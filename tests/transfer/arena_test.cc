// Arena: pieces lie apart, aligned, in memory that goes back to the system as they are released.

#include "loader/transfer/arena.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

// The linker has munmap called by this name (--wrap).
extern "C" int __real_munmap(void*, std::size_t);

namespace {

bool unmapping_fails = false;

}  // namespace

extern "C" int __wrap_munmap(void* address, std::size_t bytes) {
  if (!unmapping_fails) return __real_munmap(address, bytes);
  errno = ENOMEM;
  return -1;
}

namespace hardload {
namespace {

// Whether a page is mapped.
bool is_mapped(const void* address) {
  std::ifstream maps("/proc/self/maps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    std::size_t dash = 0;
    const std::uintptr_t begin = std::stoull(line, &dash, 16);
    if (begin <= wanted && wanted < std::stoull(line.substr(dash + 1), nullptr, 16)) return true;
  }
  return false;
}

std::vector<Arena::Piece> pieces_of(Arena& arena, std::size_t count) {
  std::vector<Arena::Piece> pieces;
  for (std::size_t i = 0; i < count; ++i) pieces.push_back(arena.next());
  return pieces;
}

TEST(Arena, PiecesAreAlignedZeroAndApart) {
  const std::vector<std::uint64_t> sizes = {1, 0,       64, 65,      1 << 20, (1 << 20) + 1,
                                            7, 3 << 20, 5,  5 << 20, 0,       4096};
  auto arena = Arena::make(sizes);
  ASSERT_OK(arena);
  const auto pieces = pieces_of(*arena, sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces[i].data) % Arena::kAlignment, 0u);
    EXPECT_TRUE(std::all_of(pieces[i].data, pieces[i].data + sizes[i],
                            [](std::byte b) { return b == std::byte{0}; }));
    std::memset(pieces[i].data, static_cast<int>(i + 1), sizes[i]);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(std::all_of(pieces[i].data, pieces[i].data + sizes[i],
                            [&](std::byte b) { return b == static_cast<std::byte>(i + 1); }));
    Arena::release(pieces[i].owner);
  }
}

TEST(Arena, LargePiecesGoAloneSmallOnesWithTheLastOfTheirBlock) {
  const std::vector<std::uint64_t> sizes = {2 << 20, 100, 100, 2 << 20};
  auto arena = Arena::make(sizes);
  ASSERT_OK(arena);
  const auto pieces = pieces_of(*arena, sizes.size());
  Arena::release(pieces[0].owner);
  EXPECT_FALSE(is_mapped(pieces[0].data));
  Arena::release(pieces[1].owner);
  EXPECT_TRUE(is_mapped(pieces[1].data));
  EXPECT_TRUE(is_mapped(pieces[3].data + (2 << 20) - 1));
  Arena::release(pieces[2].owner);
  EXPECT_FALSE(is_mapped(pieces[2].data));
  Arena::release(pieces[3].owner);
  EXPECT_FALSE(is_mapped(pieces[3].data));
}

TEST(Arena, ManySmallPiecesShareBlocks) {
  const std::vector<std::uint64_t> sizes(100'000, 16);
  auto arena = Arena::make(sizes);
  ASSERT_OK(arena);
  const auto pieces = pieces_of(*arena, sizes.size());
  EXPECT_EQ(pieces[1].data - pieces[0].data, static_cast<std::ptrdiff_t>(Arena::kAlignment));
  std::vector<void*> owners;
  for (const Arena::Piece& piece : pieces) owners.push_back(piece.owner);
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  EXPECT_EQ(owners.size(), sizes.size() * Arena::kAlignment / Arena::kBlock + 1);
  for (const Arena::Piece& piece : pieces) Arena::release(piece.owner);
}

TEST(Arena, WhatIsNotTakenGoesWithIt) {
  const std::byte* data = nullptr;
  {
    auto arena = Arena::make(std::vector<std::uint64_t>{2 << 20, 2 << 20});
    ASSERT_OK(arena);
    const Arena::Piece first = arena->next();
    data = first.data;
    Arena moved = *std::move(arena);
    EXPECT_TRUE(is_mapped(data + (2 << 20)));
    Arena::release(first.owner);
  }
  EXPECT_FALSE(is_mapped(data));
  EXPECT_FALSE(is_mapped(data + (2 << 20)));
}

// Where the system has no room for one more region, the pages go at least.
TEST(Arena, WhatCannotBeUnmappedIsEmptied) {
  constexpr std::size_t kBytes = 2 << 20;
  auto arena = Arena::make(std::vector<std::uint64_t>{kBytes, kBytes});
  ASSERT_OK(arena);
  const auto pieces = pieces_of(*arena, 2);
  std::memset(pieces[0].data, 1, kBytes);
  std::memset(pieces[1].data, 1, kBytes);
  unmapping_fails = true;
  Arena::release(pieces[0].owner);
  unmapping_fails = false;
  const auto is = [](std::byte wanted) { return [=](std::byte b) { return b == wanted; }; };
  ASSERT_TRUE(is_mapped(pieces[0].data));
  EXPECT_TRUE(std::all_of(pieces[0].data, pieces[0].data + kBytes, is(std::byte{0})));
  EXPECT_TRUE(std::all_of(pieces[1].data, pieces[1].data + kBytes, is(std::byte{1})));
  Arena::release(pieces[1].owner);
  EXPECT_EQ(__real_munmap(pieces[0].data, kBytes), 0);
}

TEST(Arena, RefusesWhatNoMachineHas) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::vector<std::uint64_t>& sizes :
       {std::vector<std::uint64_t>{kMost},
        {kMost / 2, kMost / 2, 1},
        {1, kMost - 1},
        {std::uint64_t{1} << 62, std::uint64_t{1} << 62, std::uint64_t{1} << 62},
        {std::uint64_t{1} << 50}}) {
    EXPECT_ERROR(Arena::make(sizes), ErrorKind::kOutOfMemory, "there is no memory for");
  }
}

TEST(Arena, MayBeEmpty) {
  EXPECT_OK(Arena::make({}));
  auto arena = Arena::make(std::vector<std::uint64_t>{0, 0});
  ASSERT_OK(arena);
  Arena::release(arena->next().owner);
}

}  // namespace
}  // namespace hardload
