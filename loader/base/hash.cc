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
  // Setting this bit makes 'A' 'a'. It also makes '[' '{': more hashes are equal than need be,
  // which only costs a comparison.
  return hash_words(text, [](std::uint64_t word) { return word | 0x2020202020202020u; });
}

}  // namespace hardload
