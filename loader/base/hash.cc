#include "loader/base/hash.h"

#include <cstring>
#include <random>

namespace hardload {
namespace {

struct Seed {
  std::uint64_t a, b;
};

Seed draw_seed() {
  std::random_device random;
  const auto word = [&] { return (std::uint64_t{random()} << 32) | random(); };
  return {word() | 1, word()};
}

// The high and low half of a 128-bit product, folded: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The text's bytes eight at a time, each word as `prepare` makes it.
template <typename Prepare>
std::uint64_t hash_words(std::string_view text, const Prepare& prepare) {
  static const Seed seed = draw_seed();
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  const std::uint64_t size = text.size();
  std::uint64_t state = seed.b;
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t length = text.size() < sizeof word ? text.size() : sizeof word;
    std::memcpy(&word, text.data(), length);
    word = prepare(word);
    // The state depends on the secret seed before each multiplication, so that no chosen word
    // can cancel it.
    state = mix((state ^ word) + seed.b, seed.a ^ kOdd);
    text.remove_prefix(length);
  }
  // The size tells texts apart that end in NULs. It comes last: beside the first word, a chosen
  // one could cancel it.
  return mix(state ^ size, kOdd);
}

}  // namespace

std::uint64_t seeded_hash(std::string_view text) {
  return hash_words(text, [](std::uint64_t word) { return word; });
}

std::uint64_t seeded_hash_ignoring_case(std::string_view text) {
  // Makes 'A' to 'Z' lower in all eight bytes at once, and nothing else: names that collide without
  // being equal would be a way to make a table slow. Bit 7 of each byte of a sum tells whether the
  // byte's lower seven bits have reached a bound.
  return hash_words(text, [](std::uint64_t word) {
    constexpr std::uint64_t kEach = 0x0101010101010101, kHigh = 0x80 * kEach;
    const std::uint64_t low = word & ~kHigh;
    const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
    const std::uint64_t beyond_z = low + (0x7F - 'Z') * kEach;
    const std::uint64_t is_upper = from_a & ~beyond_z & ~word & kHigh;
    return word | (is_upper >> 2);
  });
}

}  // namespace hardload
