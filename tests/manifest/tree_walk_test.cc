// TreeWalk: which tensors an object tree holds, what they are called, and in which order.

#include "loader/manifest/tree_walk.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/pickle/show.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::describe_pickle;
using testing::PickleBuilder;

using Names = std::vector<std::string>;

const std::string kTensor = testing::tensor();

// The names of the tensors of the object that `instructions` push, and of its error.
Names names_in(const std::string& instructions, const Limits& limits = {}) {
  const auto manifest = describe_pickle(PickleBuilder().raw(instructions), limits);
  if (!manifest.ok()) return {manifest.error().message()};
  Names names;
  for (const NamedTensor& named : manifest->named_tensors()) {
    names.emplace_back(manifest->name(named));
  }
  return names;
}

std::string key(std::string_view text) { return PickleBuilder("").text(text).bytes(); }

TEST(TreeWalk, JoinsKeysAndIndicesWithDots) {
  EXPECT_EQ(names_in(kTensor), Names{""});
  EXPECT_EQ(names_in("}" + key("w") + kTensor + "s"), Names{"w"});
  EXPECT_EQ(names_in("}" + key("a") + "}" + key("b") + "}" + key("c") + kTensor + "sss"),
            Names{"a.b.c"});
  EXPECT_EQ(names_in("](N" + kTensor + "](NN" + kTensor + "ee"), (Names{"1", "2.2"}));
  EXPECT_EQ(names_in("(" + kTensor + kTensor + "t"), (Names{"0", "1"}));
  EXPECT_EQ(names_in("c__builtin__\nset\n](N" + kTensor + "e\x85R"), Names{"1"});
  EXPECT_EQ(names_in("ccollections\nCounter\n)R" + key("w") + kTensor + "s"), Names{"w"});
}

// Python hashes tensors and storages by their identity, so torch.save({tensor: 1}) works.
TEST(TreeWalk, TensorsInKeysAreReadButHaveNoName) {
  const std::string storage = PickleBuilder("").storage("FloatStorage", "0", 6).bytes();
  for (const std::string& odd :
       {kTensor, storage, kTensor + "\x85", storage + "\x85\x85", kTensor + storage + "\x86"}) {
    for (const std::string& value : {"N"s, kTensor, "](" + kTensor + "e"}) {
      const auto manifest = describe_pickle(PickleBuilder().raw("}" + odd + value + "s"));
      ASSERT_OK(manifest);
      EXPECT_EQ(manifest->storages().size(), 1u);
      EXPECT_EQ(manifest->named_tensors().size(), value == "N" ? 0u : 1u);
      const Value key = manifest->root().key(0);
      const Value inside = key.is_sequence() ? key.item(0) : key;
      if (inside.kind() == ValueKind::kTensor) {
        EXPECT_LT(inside.number(), manifest->tensors().size());
      } else if (inside.kind() == ValueKind::kStorage) {
        EXPECT_LT(inside.number(), manifest->storages().size());
      }
    }
  }
  // Such a key is checked as a value is.
  const std::string outside = PickleBuilder("").tensor("FloatStorage", "0", 6, {7}, {1}).bytes();
  EXPECT_NE(names_in("}" + outside + "Ns")[0].find("Layout error"), std::string::npos);
}

TEST(TreeWalk, NamesAreInTheOrderOfTheFile) {
  EXPECT_EQ(names_in("}(" + key("z") + kTensor + key("a") + "](" + kTensor + kTensor + "e" +
                     key("m") + kTensor + "u"),
            (Names{"z", "a.0", "a.1", "m"}));
}

TEST(TreeWalk, KeysMayBeEmptyOrHoldDots) {
  EXPECT_EQ(names_in("}" + key("") + kTensor + "s"), Names{""});
  EXPECT_EQ(names_in("}" + key("") + "}" + key("") + kTensor + "ss"), Names{"."});
  EXPECT_EQ(names_in("}" + key("") + "}" + key("b") + kTensor + "ss"), Names{".b"});
  EXPECT_EQ(names_in("}" + key("a") + "}" + key("") + kTensor + "ss"), Names{"a."});
  EXPECT_EQ(names_in("}(" + key("a.b") + kTensor + key("a") + "}" + key("b") + kTensor + "su"),
            (Names{"a.b", "a.b"}));
}

TEST(TreeWalk, OtherKeysHaveTheTextOfPythonOrTheirType) {
  EXPECT_EQ(names_in("}(K\x01" + kTensor + "J\xff\xff\xff\xff" + kTensor + "N" + kTensor + "\x89" +
                     kTensor + "G?\xe0\0\0\0\0\0\0"s + kTensor + "K\x01K\x02\x86" + kTensor + "u"),
            (Names{"1", "-1", "None", "False", "<float>", "<tuple>"}));
  EXPECT_EQ(names_in("}(\x88" + kTensor + "c_codecs\nencode\nU\x01xU\x06latin1\x86R" + kTensor +
                     "ctorch\nint8\n" + kTensor + "\x8a\x09\0\0\0\0\0\0\0\0\1"s + kTensor + "u"),
            (Names{"True", "<bytes>", "<torch.dtype>", "<int>"}));
}

TEST(TreeWalk, PathsTellKeysOfDifferentTypesApart) {
  const auto manifest =
      describe_pickle(PickleBuilder().raw("}(" + key("1") + kTensor + "K\x01" + kTensor + key("a") +
                                          "](N" + kTensor + "e" + key("a.1") + kTensor + "u"));
  ASSERT_OK(manifest);
  std::vector<std::string> paths;
  for (const NamedTensor& named : manifest->named_tensors()) {
    std::string path;
    for (const Value& step : manifest->path(named)) path += testing::show(step) + " ";
    paths.push_back(path);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"'1' ", "1 ", "'a' 1 ", "'a.1' "}));
}

TEST(TreeWalk, ALoneTensorHasAnEmptyPath) {
  const auto manifest = describe_pickle(PickleBuilder().raw(kTensor));
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->named_tensors().size(), 1u);
  EXPECT_TRUE(manifest->path(manifest->named_tensors()[0]).empty());
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]), "");
}

// P25: what has no tensors is described all the same.
TEST(TreeWalk, RootsOfOtherKindsHaveNoTensors) {
  for (const std::string& root : {"N"s, "K\x05"s, "U\x01x"s, "]"s, "}"s, ")"s, "\x8f"s,
                                  PickleBuilder("").storage("FloatStorage", "0", 6).bytes()}) {
    EXPECT_EQ(names_in(root), Names{}) << root;
  }
  const auto storage =
      describe_pickle(PickleBuilder().empty_list().storage("FloatStorage", "0", 6).op('a'));
  ASSERT_OK(storage);
  EXPECT_EQ(storage->storages().size(), 1u);
  EXPECT_EQ(storage->root().item(0).number(), 0u);
}

TEST(TreeWalk, ASharedBranchHasTheNamesOfAllItsPlaces) {
  EXPECT_EQ(names_in("}(" + key("a") + "}q\0"s + key("w") + kTensor + "s" + key("b") + "h\0u"s),
            (Names{"a.w", "b.w"}));
  const auto manifest = describe_pickle(PickleBuilder().raw("(]" + kTensor + "aq\0h\0t"s));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->tensors().size(), 1u);
  EXPECT_EQ(manifest->named_tensors().size(), 2u);
}

// P21
TEST(TreeWalk, DoesNotEnterABranchInsideItself) {
  EXPECT_EQ(names_in("]q\0("s + kTensor + "h\0"s + kTensor + "e"), (Names{"0", "2"}));
  EXPECT_EQ(names_in("}q\0("s + key("self") + "h\0"s + key("w") + kTensor + "u"), Names{"w"});
  EXPECT_EQ(names_in("]q\0]q\1("s + kTensor + "h\0ea"s), Names{"0.0"});
  // Through a tuple, and seen from both of two lists that hold each other.
  EXPECT_EQ(names_in("(]q\0]q\1("s + kTensor + "h\0\x85"s + "eah\1t"s), (Names{"0.0.0", "1.0"}));
  // Entered again once it is closed.
  EXPECT_EQ(names_in("(]"s + kTensor + "aq\0h\0h\0\x85t"s), (Names{"0.0", "1.0", "2.0.0"}));
}

// P28: tensors in attributes are loaded, but have no name.
TEST(TreeWalk, AttributesAreWalkedWithoutNames) {
  const std::string ordered_dict = "ccollections\nOrderedDict\n)R" + key("w") + kTensor + "s";
  const auto manifest = describe_pickle(PickleBuilder().raw(
      ordered_dict + "}" + key("_metadata") + "](" + kTensor + "N" + kTensor + "esb"));
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->named_tensors().size(), 1u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]), "w");
  EXPECT_EQ(manifest->tensors().size(), 3u);
  const Value metadata = *manifest->root().attributes()->find("_metadata");
  EXPECT_LT(metadata.item(0).number(), 3u);
  EXPECT_LT(metadata.item(2).number(), 3u);
}

TEST(TreeWalk, AttributesMayContainTheirOwner) {
  EXPECT_EQ(names_in("ccollections\nOrderedDict\n)Rq\0"s + key("w") + kTensor + "s}" + key("me") +
                     "h\0sb"s),
            Names{"w"});
}

TEST(TreeWalk, AnErrorInAttributesIsFound) {
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw(
                   "ccollections\nOrderedDict\n)R}" + key("x") +
                   PickleBuilder("").tensor("FloatStorage", "9", 6, {1}, {1}).bytes() + "sb")),
               ErrorKind::kStorage, "no record");
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("ccollections\nOrderedDict\n)R}(" + key("x") +
                                                   "N" + key("x") + "Nub")),
               ErrorKind::kKey, "'x' stands twice");
}

// P22
TEST(TreeWalk, RefusesKeysThatPythonCannotHash) {
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}" + key("a") + "}]Nss")), ErrorKind::kPickle,
               "at 'a': a list is used as a key");
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}q\0h\0Ns"s)), ErrorKind::kPickle,
               "a dict is used as a key");
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("c__builtin__\nset\n](]e\x85R")),
               ErrorKind::kPickle, "a list is used as a key");
  EXPECT_OK(describe_pickle(PickleBuilder().raw("}" + key("a") + "})Nss")));
  EXPECT_OK(describe_pickle(PickleBuilder().raw("](]e")));
}

TEST(TreeWalk, RefusesAKeyThatStandsTwice) {
  const auto twice = describe_pickle(PickleBuilder().raw("}" + key("model") + "}(" + key("w") +
                                                         kTensor + key("w") + kTensor + "us"));
  EXPECT_ERROR(twice, ErrorKind::kKey, "at 'model': the key 'w' stands twice in one dict or set");
  for (const std::string& keys :
       {"K\x01N\x88N"s, "K\x01NG?\xf0\0\0\0\0\0\0N"s, "\x89NK\0N"s, "NNNN"s}) {
    EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}(" + keys + "u")), ErrorKind::kKey,
                 "stands twice")
        << keys;
  }
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("}" + key("w") + "Ns" + key("w") + "Ns")),
               ErrorKind::kKey, "the key 'w' stands twice");
  EXPECT_ERROR(describe_pickle(PickleBuilder().raw("c__builtin__\nset\n](K\x01\x88"
                                                   "e\x85R")),
               ErrorKind::kKey, "the key 1 stands twice");
  EXPECT_OK(describe_pickle(PickleBuilder().raw("}(" + key("1") + "NK\x01Nu")));
}

}  // namespace
}  // namespace hardload
