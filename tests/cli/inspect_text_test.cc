// inspect as text: the tree, what is folded, the totals, and that 80 columns are enough.

#include "loader/cli/inspect_text.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/cli/columns.h"
#include "loader/cli/digest.h"
#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

std::string text_of(std::string_view file, bool colour = false, bool with_digests = false) {
  const MemorySource source = testing::source_of(file);
  const auto manifest = describe(source, {});
  EXPECT_OK(manifest);
  if (!manifest.ok()) return "";
  Digests digests;
  if (with_digests) digests = digest_tensors(source, *manifest, {}).value();
  std::string text;
  write_inspect_text(*manifest, "f", digests, colour, [&](std::string_view part) { text += part; });
  return text;
}

// The lines of the tree alone.
std::string tree_of(std::string_view file) {
  std::string text = text_of(file);
  text.erase(0, text.find('\n') + 1);
  return text.substr(0, text.find("by dtype"));
}

struct Entry {
  std::string name;
  std::vector<std::int64_t> shape = {2};
};

void put(PickleBuilder& pickle, const std::vector<Entry>& entries) {
  pickle.empty_dict().mark();
  for (const auto& [name, shape] : entries) {
    pickle.text(name).tensor("FloatStorage", "0", 4, shape, {1});
  }
  pickle.op('u');
}

// A dict of views of four floats.
std::string dict(const std::vector<Entry>& entries) {
  PickleBuilder pickle;
  put(pickle, entries);
  return CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(16, '\0')).build();
}

TEST(InspectText, IsATreeInTheOrderOfTheFile) {
  EXPECT_EQ(tree_of(dict({{"b.w"}, {"a"}, {"b.c.d.w"}, {"b.c.d.v", {3}}})),
            "  b (1 tensor)         8 bytes\n"
            "    w  float32  [2]    8 bytes  cpu\n"
            "  a    float32  [2]    8 bytes  cpu\n"
            "  b.c.d (2 tensors)   20 bytes\n"
            "    w  float32  [2]    8 bytes  cpu\n"
            "    v  float32  [3]   12 bytes  cpu\n");
}

TEST(InspectText, FoldsSiblingsOfOneStructure) {
  std::vector<Entry> entries;
  for (int i = 0; i < 12; ++i) {
    const std::string layer = "h.layers." + std::to_string(i);
    entries.push_back({layer + ".w"});
    entries.push_back({layer + ".b", {i < 10 ? 1 : 2}});
  }
  EXPECT_EQ(tree_of(dict(entries)),
            "  h.layers (24 tensors)    152 bytes\n"
            "    0-9 (10 x 2 tensors)   120 bytes\n"
            "      w      float32  [2]    8 bytes  cpu\n"
            "      b      float32  [1]    4 bytes  cpu\n"
            "    10-11 (2 x 2 tensors)   32 bytes\n"
            "      w      float32  [2]    8 bytes  cpu\n"
            "      b      float32  [2]    8 bytes  cpu\n");
  entries.resize(20);
  EXPECT_TRUE(tree_of(dict(entries)).starts_with("  h.layers.0-9 (10 x 2 tensors)  "));
  EXPECT_TRUE(
      tree_of(dict({{"p.0"}, {"p.1"}, {"p.2"}})).starts_with("  p.0-2 (3 x)  float32  [2]"));
}

TEST(InspectText, FoldsNothingElse) {
  using Entries = std::vector<Entry>;
  for (const auto& entries :
       {Entries{{"0"}, {"2"}}, Entries{{"0"}, {"01"}}, Entries{{"1"}, {"0"}}, Entries{{"a"}, {"b"}},
        Entries{{"0"}, {"1", {3}}}, Entries{{"0.a"}, {"1.b"}}, Entries{{"0.a"}, {"1"}},
        Entries{{"0.a"}, {"1.a"}, {"1.b"}}, Entries{{"0.a.b"}, {"1.a"}}}) {
    const std::string tree = tree_of(dict(entries));
    EXPECT_EQ(tree.find(" x "), tree.npos) << tree;
    EXPECT_EQ(tree.find(" x)"), tree.npos) << tree;
  }
}

TEST(InspectText, WithDigestsEachTensorIsShown) {
  const std::string text = text_of(dict({{"0"}, {"1"}}), false, /*with_digests=*/true);
  EXPECT_NE(text.find("  0  float32  [2]    8 bytes  cpu\n      sha256 "), text.npos) << text;
  EXPECT_NE(text.find("  1  float32  [2]    8 bytes  cpu\n      sha256 "), text.npos) << text;
}

TEST(InspectText, TellsTotalsAndStateDicts) {
  PickleBuilder pickle;
  pickle.empty_dict().mark().text("model");
  put(pickle, {{"w"}, {"b", {1}}});
  pickle.text("nets").empty_list().mark();
  put(pickle, {{"w"}});
  pickle.op('e').text("optimizer").empty_dict().mark().integer(0);
  put(pickle, {{"step", {1}}});
  pickle.op('u').text("epoch").integer(3).op('u');
  const std::string text = text_of(
      CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(16, '\0')).build());
  EXPECT_TRUE(
      text.ends_with("by dtype\n"
                     "  float32                  4 tensors   24 bytes\n"
                     "by device\n"
                     "  cpu                      4 tensors   24 bytes\n"
                     "state dict 'model': 2 tensors, 12 bytes\n"
                     "state dict 'nets.0': 1 tensor, 8 bytes\n"))
      << text;
  // The whole file is none inside of it.
  EXPECT_EQ(text_of(dict({{"w"}})).find("state dict"), text.npos);
}

TEST(InspectText, FitsEightyColumns) {
  std::vector<Entry> entries = {
      {std::string(300, 'x')},
      {"\x1b[31m" + std::string(90, '\n')},
      {std::string(40, '.')},
      {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.weight"},
      {"重み.重み.重み.重み.重み.重み.重み.重み.重み.重み.重み.重み.重み.重み"}};
  std::vector<std::string> texts = {text_of(dict(entries)), text_of(dict({}))};
  for (const std::string& path : testing::golden_files()) {
    texts.push_back(text_of(testing::read_file(path)));
    texts.push_back(text_of(testing::read_file(path), false, /*with_digests=*/true));
  }
  for (const std::string& text : texts) {
    EXPECT_EQ(text.find('\x1b'), text.npos);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const std::string_view line = std::string_view(text).substr(at, end - at);
      EXPECT_LE(columns_of(line), 80u) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
      at = end + 1;
    }
  }
  EXPECT_NE(texts[0].find("xx...xx"), std::string::npos);
}

TEST(InspectText, ColourChangesNothingElse) {
  const std::string file = testing::read_file("data/golden/checkpoint_for_training.pt");
  std::string coloured = text_of(file, /*colour=*/true);
  EXPECT_NE(coloured.find("\x1b[1mmodel\x1b[0m"), coloured.npos);
  for (std::size_t at; (at = coloured.find('\x1b')) != coloured.npos;) {
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  }
  EXPECT_EQ(coloured, text_of(file));
}

}  // namespace
}  // namespace hardload
