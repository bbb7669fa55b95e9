// TreeWalk on trees that are deep or far larger than their file: bounded work, then a clear Limit.

#include <string>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::describe_pickle;
using testing::PickleBuilder;

std::string repeated(std::string_view part, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

// A value inside `depth` lists, tuples or dicts.
std::string nested(char kind, std::size_t depth) {
  switch (kind) {
    case '[': return repeated("]", depth) + "N" + repeated("a", depth);
    case '(': return "N" + repeated("\x85", depth);
    default: return repeated("}K\x01", depth) + "N" + repeated("s", depth);
  }
}

// The names "0.0.0..." of 10,000 levels have 100 MB together.
const Limits kRoomForNames = {.walk_slack_bytes = 1 << 30};

// P18
TEST(TreeDepth, IsThatOfTheLimit) {
  const Limits limits = {.max_depth = 5};
  for (const char kind : {'[', '(', '{'}) {
    EXPECT_OK(describe_pickle(PickleBuilder().raw(nested(kind, 5)), limits)) << kind;
    EXPECT_ERROR(describe_pickle(PickleBuilder().raw(nested(kind, 6)), limits), ErrorKind::kLimit,
                 "the object tree is deeper than max_depth, 5")
        << kind;
    EXPECT_OK(describe_pickle(PickleBuilder().raw(nested(kind, 10'000)), kRoomForNames)) << kind;
    EXPECT_ERROR(describe_pickle(PickleBuilder().raw(nested(kind, 10'001)), kRoomForNames),
                 ErrorKind::kLimit, "max_depth, 10000")
        << kind;
  }
}

// P18: neither the walk nor the release of the values recurses.
TEST(TreeDepth, OfAMillionIsRefusedWithoutRecursion) {
  for (const char kind : {'[', '(', '{'}) {
    EXPECT_ERROR(describe_pickle(PickleBuilder().raw(nested(kind, 1'000'000)), kRoomForNames),
                 ErrorKind::kLimit, "max_depth, 10000")
        << kind;
  }
}

TEST(TreeDepth, CountsAttributes) {
  const std::string with_attributes = "ccollections\nOrderedDict\n)R}b";
  EXPECT_OK(describe_pickle(PickleBuilder().raw(with_attributes), {.max_depth = 2}));
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw(with_attributes), {.max_depth = 1}),
               ErrorKind::kLimit, "max_depth, 1");
}

TEST(TreeDepth, NamesThePlace) {
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}U\x01"
                                                   "a}U\x01"
                                                   "b}U\x01"
                                                   "cNsss"),
                               {.max_depth = 2}),
               ErrorKind::kLimit, "at 'a.b': the object tree is deeper");
}

// Each container holds the one before twice.
std::string laughs(const std::string& first, const std::string& twice, int levels) {
  std::string out = first;
  for (int i = 0; i < levels; ++i) {
    const char index = static_cast<char>(i);
    std::string level = twice;
    for (auto at = level.find('?'); at != level.npos; at = level.find('?', at + 1)) {
      level[at] = index;
    }
    out += level;
  }
  return out;
}

// P20
TEST(TreeWork, BillionLaughsAreRefused) {
  for (const auto& [first, twice] : {
           std::pair{"]"s, "q?0](h?h?e"s},            // lists
           std::pair{")"s, "q?h?\x86"s},              // tuples
           std::pair{"}"s, "q?0}(K\x01h?K\x02h?u"s},  // dicts
       }) {
    EXPECT_OK(describe_pickle(PickleBuilder().raw(laughs(first, twice, 10)))) << twice;
    EXPECT_ERROR(describe_pickle(PickleBuilder().raw(laughs(first, twice, 60))), ErrorKind::kLimit,
                 "branches of it are shared too often")
        << twice;
  }
}

// P20: the same inside of a key.
TEST(TreeWork, LaughsInsideOfAKeyAreRefused) {
  const std::string small = laughs(")", "q?h?\x86", 10), large = laughs(")", "q?h?\x86", 60);
  EXPECT_OK(describe_pickle(PickleBuilder().raw("}" + small + "Ns")));
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}" + large + "Ns")), ErrorKind::kLimit,
               "branches of it are shared too often");
}

// P20: with a tensor at the bottom each way to it is a name.
TEST(TreeWork, IsAskedOfTheLimits) {
  const std::string tree = laughs("]" + testing::tensor() + "a", "q?0](h?h?e", 6);
  const auto all = describe_pickle(PickleBuilder().raw(tree));
  ASSERT_OK(all);
  EXPECT_EQ(all->named_tensors().size(), 64u);
  EXPECT_EQ(all->tensors().size(), 1u);
  EXPECT_ERROR(
      describe_pickle(PickleBuilder().raw(tree), {.max_walk_ratio = 1, .walk_slack_bytes = 0}),
      ErrorKind::kLimit, "max_walk_ratio");
  EXPECT_OK(describe_pickle(PickleBuilder().raw(tree),
                            {.max_walk_ratio = 1, .walk_slack_bytes = 10'000}));
  EXPECT_OK(
      describe_pickle(PickleBuilder().raw(tree), {.max_walk_ratio = 100, .walk_slack_bytes = 0}));
}

// Names grow with the depth, so their total could be quadratic in the file's size.
TEST(TreeWork, CountsTheNames) {
  const std::string key = "X\xe8\x03\0\0"s + std::string(1000, 'k') + "q\0"s;
  std::string tree = "}" + key;
  for (int i = 0; i < 3000; ++i) tree += "}h\0"s;
  tree += "N" + repeated("s", 3001);
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw(tree)), ErrorKind::kLimit, "max_walk_ratio");
  const std::string short_key = "U\x01kq\0"s;
  EXPECT_OK(describe_pickle(
      PickleBuilder().raw("}" + short_key + repeated("}h\0"s, 3000) + "N" + repeated("s", 3001))));
}

// What shares a few bytes of pickle among many tensors and values, each of which is shown with it.
TEST(TreeWork, CountsWhatIsShared) {
  const Limits limits = {.walk_slack_bytes = 1 << 16};
  const std::string key = "(" + repeated("K\1", 1000) + "t";
  const std::string digits = "\x8b\xe8\x03\0\0"s + std::string(1000, 'd');
  const std::string text = "X\xe8\x03\0\0"s + std::string(1000, 't');
  const std::string sizes = "(" + repeated("K\1", 1000) + "t";
  const std::string arguments =
      PickleBuilder("")
          .mark()
          .storage("FloatStorage", "0", 6)
          .raw("K\0"s + sizes + "q\0h\0\x89"s + "ccollections\nOrderedDict\n)Rt")
          .bytes();
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\nq\1" + arguments + "q\2R";
  struct Case {
    std::string name, first, again, last;
  };
  for (const Case& c : {
           Case{"sizes of tensors", "](" + tensor, "h\1h\2R", "e"},
           Case{"sizes of a tensor with many names", "](" + tensor + "q\3", "h\3", "e"},
           Case{"a key on the path of tensors", testing::tensor() + "q\0"s + "0}" + key + "](",
                "h\0"s, "es"},
           Case{"digits", "](" + digits + "q\0"s, "h\0"s, "e"},
           Case{"a key in dicts", "](" + text + "q\0"s, "}h\0Ns"s, "e"},
       }) {
    EXPECT_OK(describe_pickle(PickleBuilder().raw(c.first + repeated(c.again, 10) + c.last)))
        << c.name;
    EXPECT_ERROR(
        describe_pickle(PickleBuilder().raw(c.first + repeated(c.again, 5000) + c.last), limits),
        ErrorKind::kLimit, "max_walk_ratio")
        << c.name;
  }
}

// T17: a wide tree is no deep one.
TEST(TreeWork, ManyTensorsAreNoMatter) {
  PickleBuilder pickle;
  pickle.raw(testing::tensor()).put(0).op('0').empty_dict().mark();
  for (int i = 0; i < 100'000; ++i) pickle.text("layer." + std::to_string(i)).get(0);
  const auto manifest = describe_pickle(pickle.op('u'));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->named_tensors().size(), 100'000u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[99'999]), "layer.99999");
  EXPECT_EQ(manifest->tensors().size(), 1u);
}

}  // namespace
}  // namespace hardload
