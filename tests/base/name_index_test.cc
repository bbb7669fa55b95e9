// NameIndex finds what was inserted and nothing else, however it grows and however hashes collide.

#include "loader/base/name_index.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/hash.h"

namespace hardload {
namespace {

// Names and an index over them, with a hash of the test's choice.
class Names {
 public:
  using Hash = std::uint64_t (*)(std::string_view);
  explicit Names(Hash hash, std::size_t expected = 0) : hash_(hash), index_(expected) {}

  std::optional<std::uint32_t> insert(const std::string& name) {
    const auto position = static_cast<std::uint32_t>(names_.size());
    const auto found = index_.insert(hash_(name), position, IsSame{names_, name});
    if (!found) names_.push_back(name);
    return found;
  }
  std::optional<std::uint32_t> find(const std::string& name) const {
    return index_.find(hash_(name), IsSame{names_, name});
  }

 private:
  struct IsSame {
    const std::vector<std::string>& names;
    const std::string& name;
    bool operator()(std::uint32_t position) const { return names[position] == name; }
  };

  Hash hash_;
  NameIndex index_;
  std::vector<std::string> names_;
};

std::string name(std::uint32_t i) { return "layers." + std::to_string(i) + ".weight"; }

void check_fill(Names& names, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) ASSERT_EQ(names.insert(name(i)), std::nullopt) << i;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSERT_EQ(names.find(name(i)), i);
    ASSERT_EQ(names.insert(name(i)), i);
  }
  for (std::uint32_t i = count; i < 2 * count; ++i) ASSERT_EQ(names.find(name(i)), std::nullopt);
}

TEST(NameIndex, FindsNothingWhenEmpty) {
  const Names names(seeded_hash);
  EXPECT_EQ(names.find(""), std::nullopt);
  EXPECT_EQ(names.find("a"), std::nullopt);
}

TEST(NameIndex, KeepsTheFirstOfEqualNames) {
  Names names(seeded_hash);
  EXPECT_EQ(names.insert("a"), std::nullopt);
  EXPECT_EQ(names.insert("b"), std::nullopt);
  EXPECT_EQ(names.insert("a"), 0u);
  EXPECT_EQ(names.insert(""), std::nullopt);
  EXPECT_EQ(names.find("a"), 0u);
  EXPECT_EQ(names.find("b"), 1u);
  EXPECT_EQ(names.find(""), 2u);
}

TEST(NameIndex, HoldsAHundredThousandNames) {
  for (const std::size_t expected : {0u, 100'000u}) {
    Names names(seeded_hash, expected);
    check_fill(names, 100'000);
  }
}

// Around each size at which the table is full or grows.
TEST(NameIndex, GrowsFromAnyExpectation) {
  for (std::size_t expected = 0; expected <= 40; ++expected) {
    Names names(seeded_hash, expected);
    check_fill(names, 300);
  }
}

TEST(NameIndex, TellsNamesOfOneHashApart) {
  Names names([](std::string_view) -> std::uint64_t { return 42; });
  check_fill(names, 500);
}

TEST(NameIndex, TellsHashesApartThatShareTheirLowBits) {
  Names names([](std::string_view text) { return seeded_hash(text) << 32; });
  check_fill(names, 2000);
}

TEST(NameIndex, TellsHashesApartThatShareTheirHighBits) {
  Names names([](std::string_view text) { return seeded_hash(text) >> 32; });
  check_fill(names, 20'000);
}

// Collisions at the last place go on at the first.
TEST(NameIndex, WrapsAroundTheEndOfTheTable) {
  Names names([](std::string_view) { return ~std::uint64_t{0}; });
  check_fill(names, 500);
}

// Names whose hashes differ are not compared at all.
TEST(NameIndex, AsksOnlyAboutEqualHashes) {
  NameIndex index;
  const auto never = [](std::uint32_t) { return false; };
  const auto always = [](std::uint32_t) { return true; };
  EXPECT_EQ(index.insert(std::uint64_t{1} << 32 | 5, 7, never), std::nullopt);
  EXPECT_EQ(index.find(std::uint64_t{2} << 32 | 5, always), std::nullopt);
  EXPECT_EQ(index.find(std::uint64_t{1} << 32 | 5, always), 7u);
  EXPECT_EQ(index.find(std::uint64_t{1} << 32 | 5, never), std::nullopt);
}

}  // namespace
}  // namespace hardload
