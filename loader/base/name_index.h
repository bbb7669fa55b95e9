// NameIndex: from names that a file chose to positions in an array of the caller's.
//
// Records, storages and keys are looked up by name a hundred thousand at a time. The names stay
// where they are; the index keeps hashes and positions only, in one block of memory.
//
//   NameIndex index(records.size());
//   const auto same = [&](std::uint32_t i) { return records[i].name == name; };
//   if (!index.insert(seeded_hash(name), position, same)) ...   // it is there already
//
// Ownership: keeps no names. Threads: find() from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hardload {

class NameIndex {
 public:
  // For about `expected` names; grows where there are more.
  explicit NameIndex(std::size_t expected = 0) { resize(expected); }

  // The position under which a name with this hash was inserted for which `is_same(position)`
  // holds; nullopt where there is none.
  template <typename IsSame>
  std::optional<std::uint32_t> find(std::uint64_t hash, const IsSame& is_same) const {
    const std::uint32_t short_hash = shorten(hash);
    for (std::size_t i = short_hash & mask_;; i = (i + 1) & mask_) {
      const Entry& entry = entries_[i];
      if (entry.position == kFree) return std::nullopt;
      if (entry.hash == short_hash && is_same(entry.position)) {
        return entry.position;
      }
    }
  }

  // Inserts `position` unless find() finds a name. Returns what find() returned.
  template <typename IsSame>
  std::optional<std::uint32_t> insert(std::uint64_t hash, std::uint32_t position,
                                      const IsSame& is_same) {
    if (const auto found = find(hash, is_same)) return found;
    if (2 * (size_ + 1) > entries_.size()) grow();
    place(shorten(hash), position);
    ++size_;
    return std::nullopt;
  }

  // Two positions that have one name.
  struct Repeated {
    std::uint32_t first, second;
  };
  // Inserts the positions 0 to count - 1, of which `hash_of(position)` is the hash. Stops at the
  // first whose name is there already (`are_same(i, j)`), and returns both. The table is larger
  // than the processor's caches: places are fetched some names ahead.
  template <typename HashOf, typename AreSame>
  std::optional<Repeated> insert_all(std::uint32_t count, const HashOf& hash_of,
                                     const AreSame& are_same) {
    constexpr std::uint32_t kAhead = 16;
    std::uint64_t hashes[kAhead];
    for (std::uint32_t begin = 0; begin < count; begin += kAhead) {
      const std::uint32_t batch = count - begin < kAhead ? count - begin : kAhead;
      for (std::uint32_t i = 0; i < batch; ++i) {
        hashes[i] = hash_of(begin + i);
        __builtin_prefetch(&entries_[shorten(hashes[i]) & mask_], /*for writing=*/1);
      }
      for (std::uint32_t i = 0; i < batch; ++i) {
        const std::uint32_t position = begin + i;
        const auto found = insert(hashes[i], position,
                                  [&](std::uint32_t other) { return are_same(other, position); });
        if (found) return Repeated{*found, position};
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};
  struct Entry {
    std::uint32_t hash = 0;  // its lower bits decide the place
    std::uint32_t position = kFree;
  };

  void resize(std::size_t expected) {
    std::size_t capacity = 16;
    while (capacity < 2 * (expected + 1)) capacity *= 2;
    entries_.assign(capacity, Entry{});
    mask_ = capacity - 1;
  }

  // Half of a hash is enough: positions have 32 bits, too.
  static std::uint32_t shorten(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
  }

  void place(std::uint32_t hash, std::uint32_t position) {
    std::size_t i = hash & mask_;
    while (entries_[i].position != kFree) i = (i + 1) & mask_;
    entries_[i] = {hash, position};
  }

  void grow() {
    const std::vector<Entry> old = std::move(entries_);
    resize(old.size());
    for (const Entry& entry : old) {
      if (entry.position != kFree) place(entry.hash, entry.position);
    }
  }

  std::vector<Entry> entries_;  // a power of two of them, at most half in use
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hardload
