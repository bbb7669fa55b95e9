// diff: what counts as a difference, and what does not.

#include "loader/cli/diff.h"

#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "loader/cli/diff_text.h"
#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

// What diff says, without the lines about the files; or the error.
std::string diff_of(std::string_view a, std::string_view b,
                    std::optional<Tolerance> tolerance = std::nullopt, const Limits& limits = {}) {
  const MemorySource source_a = testing::source_of(a), source_b = testing::source_of(b);
  const auto manifest_a = describe(source_a, {.unlisted = Unlisted::kKeepAsData});
  const auto manifest_b = describe(source_b, {.unlisted = Unlisted::kKeepAsData});
  EXPECT_OK(manifest_a);
  EXPECT_OK(manifest_b);
  if (!manifest_a.ok() || !manifest_b.ok()) return "";
  const DiffSide side_a{source_a, *manifest_a}, side_b{source_b, *manifest_b};
  const auto found = diff(side_a, side_b, {limits, tolerance});
  if (!found.ok()) return found.error().message();
  std::string text;
  write_diff_text(side_a, side_b, *found, [&](std::string_view part) { text += part; });
  for (int i = 0; i < 2; ++i) text.erase(0, text.find('\n') + 1);
  return text;
}

template <typename Number>
std::string bytes_of(std::initializer_list<Number> numbers) {
  std::string bytes;
  for (const Number number : numbers) {
    char raw[sizeof number];
    std::memcpy(raw, &number, sizeof raw);
    bytes.append(raw, sizeof raw);
  }
  return bytes;
}

// A list of what would be an object, with a tensor of floats in it that has no name.
std::string unnamed(std::initializer_list<float> numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  PickleBuilder pickle;
  pickle.global("some.module", "Thing").mark().tensor("FloatStorage", "0", count, {count}, {1});
  pickle.tuple().reduce();
  return CheckpointBuilder().pickle(pickle.stop()).storage("0", bytes_of(numbers)).build();
}

// {'w': a tensor of floats}
std::string floats(std::initializer_list<float> numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  PickleBuilder pickle;
  pickle.empty_dict().mark().text("w").tensor("FloatStorage", "0", count, {count}, {1}).op('u');
  return CheckpointBuilder().pickle(pickle.stop()).storage("0", bytes_of(numbers)).build();
}

// A file of values alone.
std::string values(const PickleBuilder& pickle) {
  return CheckpointBuilder().pickle(pickle.stop()).build();
}

const std::string kSame = "same: 1 tensor, 0 other values\n";

TEST(Diff, ComparesBitsWithoutATolerance) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float other_nan = std::bit_cast<float>(0x7FC00001u);
  EXPECT_EQ(diff_of(floats({1, nan}), floats({1, nan})), kSame);
  for (const auto& [a, b] : {std::pair(0.0f, -0.0f), std::pair(nan, other_nan)}) {
    EXPECT_NE(diff_of(floats({1, a}), floats({1, b})), kSame);
    EXPECT_EQ(diff_of(floats({1, a}), floats({1, b}), Tolerance{}), kSame);
  }
}

TEST(Diff, SaysHowManyHowFarAndWhere) {
  EXPECT_EQ(diff_of(floats({1, 2, 3}), floats({1, 2.5, 5})),
            "  w\n"
            "    2 of 3 elements differ; first at [1]: 2 against 2.5\n"
            "    largest difference: absolute 2, relative 0.4\n"
            "different: 1 tensor (0 only in A, 0 only in B), 0 other values\n");
}

TEST(Diff, TakesWhatIsWithinTheTolerance) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(diff_of(floats({100, 1}), floats({101, 1.5}), Tolerance{.relative = 0, .absolute = 1}),
            kSame);
  // Of b, not of a.
  const Tolerance hundredth{.relative = 0.0100001, .absolute = 0};
  EXPECT_EQ(diff_of(floats({101}), floats({100}), hundredth), kSame);
  EXPECT_NE(diff_of(floats({102}), floats({100}), hundredth), kSame);
  EXPECT_EQ(diff_of(floats({infinity}), floats({infinity}), hundredth), kSame);
  EXPECT_NE(diff_of(floats({1}), floats({infinity}), hundredth), kSame);
  EXPECT_NE(diff_of(floats({-infinity}), floats({infinity}), hundredth), kSame);
  EXPECT_NE(diff_of(floats({1}), floats({std::numeric_limits<float>::quiet_NaN()}),
                    Tolerance{.relative = 9, .absolute = 9}),
            kSame);
}

// {'w': `tensor`}, and the content of its storage "0".
std::string one(PickleBuilder tensor, std::string storage) {
  return CheckpointBuilder()
      .pickle(PickleBuilder().empty_dict().mark().text("w").raw(tensor.bytes()).op('u').stop())
      .storage("0", std::move(storage))
      .build();
}

PickleBuilder part() { return PickleBuilder(""); }

TEST(Diff, IntegersAreExactToTheLastBit) {
  const auto file = [](std::int64_t number) {
    return one(part().tensor("LongStorage", "0", 1, {}, {}), bytes_of({number}));
  };
  const std::int64_t large = std::int64_t{1} << 62;
  const std::string found = diff_of(file(large), file(large + 1), Tolerance{1, 1});
  EXPECT_NE(found.find("first at []: 4611686018427387904 against 4611686018427387905\n"
                       "    largest difference: absolute 1, "),
            found.npos)
      << found;
}

TEST(Diff, ComparesNumbersAcrossDtypes) {
  const std::string doubles =
      one(part().tensor("DoubleStorage", "0", 2, {2}, {1}), bytes_of({1.0, 2.0}));
  const std::string same = diff_of(floats({1, 2}), doubles);
  EXPECT_EQ(same,
            "  w\n    dtype: float32 against float64\n"
            "different: 1 tensor (0 only in A, 0 only in B), 0 other values\n");
  EXPECT_NE(diff_of(floats({1, 3}), doubles).find("1 of 2 elements differs; first at [1]"),
            same.npos);
}

TEST(Diff, StridesAndSharingAndByteOrderAreNone) {
  const std::string plain =
      one(part().tensor("FloatStorage", "0", 4, {2, 2}, {2, 1}), bytes_of<float>({1, 2, 3, 4}));
  const std::string transposed = one(part().tensor("FloatStorage", "0", 5, {2, 2}, {1, 2}, 1),
                                     bytes_of<float>({9, 1, 3, 2, 4}));
  EXPECT_EQ(diff_of(plain, transposed), kSame);
  EXPECT_NE(diff_of(plain, one(part().tensor("FloatStorage", "0", 4, {2, 2}, {1, 2}),
                               bytes_of<float>({1, 2, 3, 4}))),
            kSame);

  std::string swapped;
  for (const float number : {1.0f, 2.0f}) {
    const std::string bytes = bytes_of({number});
    swapped.append(bytes.rbegin(), bytes.rend());
  }
  PickleBuilder pickle;
  pickle.empty_dict().mark().text("w").tensor("FloatStorage", "7", 2, {2}, {1}).op('u');
  EXPECT_EQ(diff_of(floats({1, 2}), CheckpointBuilder()
                                        .pickle(pickle.stop())
                                        .record("byteorder", "big")
                                        .storage("7", swapped)
                                        .build()),
            kSame);
}

TEST(Diff, TiedTensorsAreComparedUnderEachName) {
  PickleBuilder tied, apart;
  tied.empty_dict().mark().text("a").tensor("FloatStorage", "0", 1, {1}, {1}).put(1);
  tied.text("b").get(1).op('u');
  apart.empty_dict().mark().text("a").tensor("FloatStorage", "0", 1, {1}, {1});
  apart.text("b").tensor("FloatStorage", "1", 1, {1}, {1}).op('u');
  const auto file = [](const PickleBuilder& pickle, float first, float second) {
    return CheckpointBuilder()
        .pickle(pickle.stop())
        .storage("0", bytes_of({first}))
        .storage("1", bytes_of({second}))
        .build();
  };
  const std::string same = "same: 2 tensors, 0 other values\n";
  EXPECT_EQ(diff_of(file(tied, 1, 0), file(apart, 1, 1)), same);
  EXPECT_TRUE(diff_of(file(tied, 1, 0), file(apart, 1, 2)).starts_with("  b\n    1 of 1 element "));
  const std::string both = diff_of(file(tied, 1, 0), file(tied, 2, 0));
  EXPECT_NE(both.find("  a\n    1 of 1"), both.npos);
  EXPECT_NE(both.find("  b\n    1 of 1"), both.npos);
}

// {1: x, '1': y} or the other way round.
std::string two_keys(bool integer_first, float x, float y) {
  PickleBuilder pickle;
  pickle.empty_dict().mark();
  for (const bool integer : {integer_first, !integer_first}) {
    if (integer) {
      pickle.integer(1).tensor("FloatStorage", "0", 1, {1}, {1});
    } else {
      pickle.text("1").tensor("FloatStorage", "1", 1, {1}, {1});
    }
  }
  return CheckpointBuilder()
      .pickle(pickle.op('u').stop())
      .storage("0", bytes_of({x}))
      .storage("1", bytes_of({y}))
      .build();
}

TEST(Diff, OneNameOfTwoTensorsIsToldApartByItsPath) {
  const std::string same = "same: 2 tensors, 0 other values\n";
  EXPECT_EQ(diff_of(two_keys(true, 1, 2), two_keys(true, 1, 2)), same);
  EXPECT_EQ(diff_of(two_keys(true, 1, 2), two_keys(false, 1, 2)), same);
  EXPECT_NE(diff_of(two_keys(true, 1, 2), two_keys(false, 2, 1)), same);
}

TEST(Diff, AnotherPathOfOneNameIsADifference) {
  PickleBuilder list, dict;
  list.empty_list().mark().tensor("FloatStorage", "0", 1, {1}, {1}).op('e');
  dict.empty_dict().mark().text("0").tensor("FloatStorage", "0", 1, {1}, {1}).op('u');
  const auto file = [](const PickleBuilder& pickle) {
    return CheckpointBuilder().pickle(pickle.stop()).storage("0", bytes_of({1.0f})).build();
  };
  const std::string found = diff_of(file(list), file(dict));
  EXPECT_TRUE(found.starts_with("  0\n    path: [0] against [\"0\"]\n")) << found;
}

TEST(Diff, ValuesAreComparedByKindAndByKey) {
  const auto dict = [](auto... parts) {
    PickleBuilder pickle;
    pickle.empty_dict().mark();
    (parts(pickle), ...);
    return values(pickle.op('u'));
  };
  const auto entry = [](std::string key, std::int64_t value) {
    return [=](PickleBuilder& pickle) { pickle.text(key).integer(value); };
  };
  const std::string ab = dict(entry("a", 1), entry("b", 2)),
                    ba = dict(entry("b", 2), entry("a", 1));
  EXPECT_EQ(diff_of(ab, ba), "same: 0 tensors, 2 other values\n");
  EXPECT_EQ(diff_of(ab, dict(entry("b", 3), entry("c\x1b", 4))),
            "  a: only in A: 1\n  b: 2 against 3\n  c\\x1b: only in B: 4\n"
            "different: 0 tensors (0 only in A, 0 only in B), 3 other values\n");
  const auto truth = [](PickleBuilder& pickle) { pickle.text("a").boolean(true); };
  const auto real = [](PickleBuilder& pickle) {
    pickle.text("a").op('G').raw(std::string("\x3f\xf0\0\0\0\0\0\0", 8));
  };
  EXPECT_TRUE(diff_of(dict(entry("a", 1)), dict(truth)).starts_with("  a: 1 against true\n"));
  EXPECT_TRUE(diff_of(dict(entry("a", 1)), dict(real)).starts_with("  a: 1 against 1.0\n"));
}

TEST(Diff, ListsAreComparedByPosition) {
  const auto list = [](std::initializer_list<std::int64_t> numbers) {
    PickleBuilder pickle;
    pickle.empty_list().mark();
    for (const std::int64_t number : numbers) pickle.integer(number);
    return values(pickle.op('e'));
  };
  EXPECT_TRUE(
      diff_of(list({1, 2}), list({1, 3, 4})).starts_with("  1: 2 against 3\n  2: only in B: 4\n"));
  EXPECT_TRUE(diff_of(list({1}), values(PickleBuilder().mark().integer(1).tuple()))
                  .starts_with("  the value: a list of 1 against a tuple of 1\n"));
}

TEST(Diff, StoragesAreComparedByContent) {
  const auto file = [](std::string key, float number) {
    return CheckpointBuilder()
        .pickle(PickleBuilder().storage("FloatStorage", key, 1).stop())
        .storage(key, bytes_of({number}))
        .build();
  };
  EXPECT_EQ(diff_of(file("0", 1), file("5", 1)), "same: 0 tensors, 1 other value\n");
  EXPECT_TRUE(diff_of(file("0", 1), file("0", 2)).starts_with("  the value: {\"$type\""));
}

// A list that contains itself, `period` lists later.
std::string cycle(int period) {
  PickleBuilder pickle;
  pickle.empty_list().put(0);
  for (int i = 1; i < period; ++i) pickle.empty_list();
  pickle.get(0);
  for (int i = 0; i < period; ++i) pickle.op('a');
  return values(pickle);
}

// In objects that were not made, and in attributes, tensors have no names to compare them by.
TEST(Diff, TensorsWithoutNamesAreComparedByContent) {
  EXPECT_EQ(diff_of(unnamed({1, 2}), unnamed({1, 2})), "same: 0 tensors, 5 other values\n");
  const std::string other = diff_of(unnamed({1, 2}), unnamed({1, 3}));
  EXPECT_NE(other.find("different: "), other.npos) << other;
  EXPECT_NE(diff_of(unnamed({1, 2}), unnamed({1, 2, 3})).find("different: "), other.npos);
}

TEST(Diff, CyclesEnd) {
  EXPECT_EQ(diff_of(cycle(1), cycle(1)), "same: 0 tensors, 0 other values\n");
  EXPECT_EQ(diff_of(cycle(2), cycle(3)), "same: 0 tensors, 0 other values\n");
  // The pairs of two long cycles are as many as the product of their lengths.
  const Limits small{.max_walk_ratio = 1, .walk_slack_bytes = 0};
  const std::string found = diff_of(cycle(200), cycle(211), std::nullopt, small);
  EXPECT_NE(found.find("max_walk_ratio"), found.npos) << found;
}

TEST(Diff, CountsWhatItReads) {
  const auto file = [](int storages, bool backwards) {
    PickleBuilder pickle;
    pickle.empty_list().mark();
    for (int i = 0; i < 64; ++i) {
      const int key = backwards ? i / 8 : i % 8;
      pickle.tensor("ByteStorage", std::to_string(key), 1 << 16, {1}, {1});
    }
    CheckpointBuilder made;
    made.pickle(pickle.op('e').stop());
    for (int i = 0; i < storages; ++i) made.storage(std::to_string(i), std::string(1 << 16, '\0'));
    return made.build();
  };
  // Each of eight storages stands against each of eight.
  const std::string a = file(8, false), b = file(8, true);
  const Limits limits{.max_expansion = 2, .expansion_slack_bytes = 0};
  EXPECT_EQ(diff_of(a, a, std::nullopt, limits), "same: 64 tensors, 0 other values\n");
  const std::string found = diff_of(a, b, std::nullopt, limits);
  EXPECT_NE(found.find("max_expansion"), found.npos) << found;
  EXPECT_EQ(diff_of(a, b), "same: 64 tensors, 0 other values\n");
}

TEST(Diff, BoundsThePathsThatItCompares) {
  PickleBuilder pickle;
  pickle.empty_list().mark().tensor("FloatStorage", "0", 1, {1}, {1}).put(1);
  for (int i = 1; i < 100; ++i) pickle.get(1);
  const std::string file =
      CheckpointBuilder().pickle(pickle.op('e').stop()).storage("0", bytes_of({1.0f})).build();
  // "[0]" to "[99]" are 390 bytes.
  const auto limits = [](std::uint64_t most) {
    return Limits{.max_walk_ratio = 0, .walk_slack_bytes = most};
  };
  EXPECT_EQ(diff_of(file, file, std::nullopt, limits(390)), "same: 100 tensors, 0 other values\n");
  const std::string found = diff_of(file, file, std::nullopt, limits(389));
  EXPECT_NE(found.find("the paths of the tensors"), found.npos) << found;
}

TEST(Diff, TextStaysShort) {
  const auto file = [](std::int64_t number) {
    PickleBuilder pickle;
    pickle.empty_list().mark();
    for (int i = 0; i < 1000; ++i) pickle.integer(number);
    return values(pickle.op('e'));
  };
  const std::string found = diff_of(file(1), file(2));
  EXPECT_LT(found.size(), 1000u);
  EXPECT_NE(found.find("  19: 1 against 2\n  ... and 980 values more"), found.npos) << found;
  EXPECT_NE(found.find("1000 other values\n"), found.npos);
}

TEST(Diff, ConjugatedViewsAreReadAsTheyAre) {
  const std::string view = testing::read_file("data/golden/view_conjugated.pt");
  EXPECT_TRUE(diff_of(view, view).starts_with("same: "));
}

}  // namespace
}  // namespace hardload
