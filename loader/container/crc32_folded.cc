#include "loader/container/crc32_folded.h"

#include <cstring>

#include <libdeflate.h>

#include "loader/container/crc32_polynomial.h"

// How it works: the message is a polynomial, and what is wanted is its remainder modulo P. A block
// that stands n bits in front of another may be replaced by itself times x^n mod P, added to the
// other, without changing the remainder ("folding"). Kept are eight blocks of two lanes of 128
// bits; each step folds them into the next 256 bytes. In the end they are folded into each other,
// down to 128 bits that have the remainder of the whole, and any CRC function finishes those and
// the rest.
//
// A lane's 128 bits are multiplied as two halves of 64, by x^(n + 64) and x^n. The product of two
// reflected numbers comes out one bit short, and the powers have 32 bits in a half of 64: together
// 32 + 1 bits that the powers below take back (they are x^(n + 64 - 32) and x^(n - 32), shifted by
// one). Intel's paper "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"
// has the proof, and values to compare with (crc32_test.cc does).

#if defined(__x86_64__)

#include <immintrin.h>

#define HARDLOAD_FOLDING __attribute__((target("avx2,pclmul,vpclmulqdq")))

namespace hardload {
namespace {

constexpr std::size_t kBlock = sizeof(__m256i);
constexpr std::size_t kBlocks = 8;
constexpr std::size_t kStep = kBlocks * kBlock;

// The multipliers that move both lanes by `kBits`.
template <std::uint64_t kBits>
HARDLOAD_FOLDING inline __m256i multipliers() {
  constexpr auto kLow = static_cast<std::int64_t>(std::uint64_t{crc_power(kBits + 32)} << 1);
  constexpr auto kHigh = static_cast<std::int64_t>(std::uint64_t{crc_power(kBits - 32)} << 1);
  return _mm256_broadcastsi128_si256(_mm_set_epi64x(kHigh, kLow));
}

// `block`, moved by as much as the multipliers say, added to `next`.
HARDLOAD_FOLDING inline __m256i fold(__m256i block, __m256i by, __m256i next) {
  const __m256i low = _mm256_clmulepi64_epi128(block, by, 0x00);
  const __m256i high = _mm256_clmulepi64_epi128(block, by, 0x11);
  return _mm256_xor_si256(next, _mm256_xor_si256(low, high));
}

HARDLOAD_FOLDING inline __m256i load(const std::byte* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

}  // namespace

bool can_fold_crc32() {
  static const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
                          __builtin_cpu_supports("vpclmulqdq");
  return can;
}

HARDLOAD_FOLDING std::uint32_t crc32_folded(std::span<const std::byte> bytes,
                                            std::uint32_t before) {
  if (bytes.size() < kStep) return libdeflate_crc32(before, bytes.data(), bytes.size());
  __m256i blocks[kBlocks];
  for (std::size_t i = 0; i < kBlocks; ++i) blocks[i] = load(bytes.data() + i * kBlock);
  // The inverted CRC of earlier bytes is added to the first four.
  blocks[0] = _mm256_xor_si256(
      blocks[0], _mm256_set_epi64x(0, 0, 0, static_cast<std::int64_t>(std::uint64_t{~before})));
  bytes = bytes.subspan(kStep);
  const __m256i far = multipliers<8 * kStep>();
  for (; bytes.size() >= kStep; bytes = bytes.subspan(kStep)) {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      blocks[i] = fold(blocks[i], far, load(bytes.data() + i * kBlock));
    }
  }
  const __m256i near = multipliers<8 * kBlock>();
  for (std::size_t i = 1; i < kBlocks; ++i) blocks[i] = fold(blocks[i - 1], near, blocks[i]);
  // The first lane into the second.
  const __m256i last = blocks[kBlocks - 1];
  const __m256i lane = fold(last, multipliers<128>(), _mm256_permute2x128_si256(last, last, 0x81));
  std::byte remainder[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(remainder), _mm256_castsi256_si128(lane));
  // The remainder stands for all earlier bytes, so that it is not preceded by any.
  constexpr std::uint32_t kNothing = ~0u;
  const std::uint32_t crc = libdeflate_crc32(kNothing, remainder, sizeof(remainder));
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

}  // namespace hardload

#else

namespace hardload {

bool can_fold_crc32() { return false; }

std::uint32_t crc32_folded(std::span<const std::byte> bytes, std::uint32_t before) {
  return libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace hardload

#endif
