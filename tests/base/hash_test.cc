// seeded_hash: equal for equal texts, different for others, well mixed, and another in each
// process.

#include "loader/base/hash.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/support/files.h"

namespace hardload {
namespace {

TEST(SeededHash, DependsOnTheTextAlone) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    const std::string elsewhere = "y" + text + "z";
    EXPECT_EQ(seeded_hash(text), seeded_hash(std::string_view(elsewhere).substr(1, size)));
  }
}

TEST(SeededHash, DependsOnEveryByte) {
  for (std::size_t size = 1; size <= 33; ++size) {
    std::set<std::uint64_t> seen;
    std::string text(size, '\0');
    seen.insert(seeded_hash(text));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char byte : {'\1', '\x80'}) {
        text[at] = byte;
        seen.insert(seeded_hash(text));
      }
      text[at] = '\0';
    }
    EXPECT_EQ(seen.size(), 1 + 2 * size);
  }
}

// The rest of the last word counts as zeros, so the length has to tell such texts apart.
TEST(SeededHash, DependsOnTheLength) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= 100; ++size) seen.insert(seeded_hash(std::string(size, '\0')));
  EXPECT_EQ(seen.size(), 101u);
}

TEST(SeededHash, TellsAHundredThousandNamesApart) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100'000; ++i) seen.insert(seeded_hash("layers." + std::to_string(i)));
  EXPECT_EQ(seen.size(), 100'000u);
}

// Tables take their places from the low bits: a flipped bit anywhere should change about half.
TEST(SeededHash, SpreadsEachBitOfTheText) {
  const std::string text = "layers.12.attention.weight";
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string other = text;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    const int changed = std::popcount(seeded_hash(text) ^ seeded_hash(other));
    EXPECT_GE(changed, 8) << bit;
    EXPECT_LE(changed, 56) << bit;
  }
}

TEST(SeededHash, FillsTheLowBitsEvenly) {
  std::vector<int> filled(1024);
  for (int i = 0; i < 16 * 1024; ++i) ++filled[seeded_hash(std::to_string(i)) % filled.size()];
  EXPECT_LE(*std::max_element(filled.begin(), filled.end()), 64);
}

// The test runs itself again as another process, which writes down what it computes.
TEST(SeededHashDeathTest, DiffersFromProcessToProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::string path = testing::write_temporary("hash", "");
  EXPECT_EXIT(
      {
        testing::write_temporary("hash", std::to_string(seeded_hash("name")));
        ::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  const std::string other = testing::read_file(path);
  ASSERT_FALSE(other.empty());
  EXPECT_NE(other, std::to_string(seeded_hash("name")));
}

TEST(SeededHashIgnoringCase, IsEqualForAllCases) {
  for (const std::string_view lower : {"data.pkl", "a", "model/data/version", ""}) {
    std::string upper(lower);
    for (char& c : upper) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    EXPECT_EQ(seeded_hash_ignoring_case(lower), seeded_hash_ignoring_case(upper)) << lower;
  }
  EXPECT_EQ(seeded_hash_ignoring_case("DATA.pkl"), seeded_hash_ignoring_case("data.PKL"));
}

TEST(SeededHashIgnoringCase, TellsNamesApart) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    seen.insert(seeded_hash_ignoring_case("model/data/" + std::to_string(i)));
  }
  EXPECT_EQ(seen.size(), 10'000u);
  EXPECT_NE(seeded_hash_ignoring_case("data"), seeded_hash_ignoring_case("datb"));
  EXPECT_NE(seeded_hash_ignoring_case("a"), seeded_hash_ignoring_case("aa"));
  EXPECT_NE(seeded_hash("data"), seeded_hash("DATA"));
}

// Only letters have two cases: names of other bytes that differ in the same bit would collide at
// will.
TEST(SeededHashIgnoringCase, FoldsLettersAlone) {
  for (int code = 0; code < 256; ++code) {
    const std::string one(1, static_cast<char>(code));
    const std::string other(1, static_cast<char>(code ^ 0x20));
    const bool letter = (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z');
    for (const char* around : {"", "\x7f\xff", "seven..", "Z[`a{@"}) {
      EXPECT_EQ(seeded_hash_ignoring_case(around + one + around) ==
                    seeded_hash_ignoring_case(around + other + around),
                letter)
          << code;
    }
  }
}

// The length and the first word must not cancel each other.
TEST(SeededHash, KeepsLengthAndFirstWordApart) {
  EXPECT_NE(seeded_hash(std::string("\1\0", 2)), seeded_hash(std::string("\0\0\0", 3)));
}

TEST(SeededHashIgnoringCase, KeepsLengthAndFirstWordApart) {
  EXPECT_NE(seeded_hash_ignoring_case("a"), seeded_hash_ignoring_case("b "));
}

}  // namespace
}  // namespace hardload
