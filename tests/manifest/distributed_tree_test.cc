// DistributedTree: dicts and lists as torch puts them together again.

#include "loader/manifest/distributed_tree.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/support/matchers.h"
#include "tests/support/metadata_pickle.h"

namespace hardload {
namespace {

using namespace testing::metadata;
using Paths = std::vector<std::pair<std::string_view, std::string>>;  // name; path, or "" for none

std::string shown(const DistributedMetadata& metadata, const DistributedTree& tree,
                  std::uint32_t number) {
  if (number == DistributedTree::kNothing) return "None";
  const DistributedTree::Node& node = tree.nodes()[number];
  if (node.kind == DistributedTree::Kind::kEntry) return concat(node.entry);
  const bool is_dict = node.kind == DistributedTree::Kind::kDict;
  std::string out = is_dict ? "{" : "[";
  for (const std::uint32_t child : node.children) {
    if (out.size() > 1) out += ", ";
    if (is_dict) append(out, metadata.text_of(tree.nodes()[child].key), ": ");
    out += shown(metadata, tree, child);
  }
  return out += is_dict ? "}" : "]";
}

Result<std::string> build(const Paths& paths, const Limits& limits = {}) {
  Entries entries, slices, planner;
  for (const auto& [name, path] : paths) {
    entries.emplace_back(text(name), other());
    slices.emplace_back(index(name), info("f", 0, 1));
    if (!path.empty()) planner.emplace_back(text(name), path);
  }
  const std::string pickle = metadata(entries, slices, dict(planner));
  const auto parsed =
      DistributedMetadata::read(testing::source_of(pickle), {}, Unlisted::kRefuse).value();
  HARDLOAD_ASSIGN(const DistributedTree tree, DistributedTree::build(parsed, limits));
  return shown(parsed, tree, 0);
}

TEST(DistributedTree, IsWhatWasSaved) {
  EXPECT_EQ(build({}).value(), "{}");
  EXPECT_EQ(build({{"a", ""}, {"a.b", ""}}).value(), "{a: 0, a.b: 1}");
  EXPECT_EQ(build({{"a.x", tuple({text("a"), text("x")})},
                   {"b.1", tuple({text("b"), number(1)})},
                   {"a.y", tuple({text("a"), text("y")})},
                   {"a.0", tuple({text("a"), text("0")})}})
                .value(),
            "{a: {x: 0, y: 2, 0: 3}, b: [None, 1]}");
  EXPECT_EQ(build({{"l.1.0", tuple({text("l"), number(1), number(0)})},
                   {"l.0.k", tuple({text("l"), number(0), text("k")})}})
                .value(),
            "{l: [{k: 1}, [0]]}");
  // One key below several parents.
  EXPECT_EQ(build({{"a.k.k", tuple({text("a"), text("k"), text("k")})},
                   {"k", ""},
                   {"b.k", tuple({text("b"), text("k")})}})
                .value(),
            "{a: {k: {k: 0}}, k: 1, b: {k: 2}}");
}

TEST(DistributedTree, TwoEntriesAreNotInOnePlace) {
  const std::string a = tuple({text("a")}), ab = tuple({text("a"), text("b")});
  const std::string problem = "another entry is at its place";
  EXPECT_ERROR(build({{"a", a}, {"a.b", ab}}), ErrorKind::kKey, "at 'a.b': " + problem);
  EXPECT_ERROR(build({{"a.b", ab}, {"a", a}}), ErrorKind::kKey, "at 'a': " + problem);
  EXPECT_ERROR(build({{"a.b", ab}, {"a.b.c", tuple({text("a.b"), text("c")})}, {"a", ""}}),
               ErrorKind::kKey, problem);
  // The same text in another path.
  EXPECT_ERROR(build({{"a.b", ab}, {"a.0", tuple({text("a"), number(0)})}}), ErrorKind::kKey,
               problem);
  EXPECT_ERROR(build({{"a.0", tuple({text("a"), number(0)})},
                      {"a.0.0", tuple({text("a"), number(0), number(0)})}}),
               ErrorKind::kKey, problem);
}

TEST(DistributedTree, ListsAreNotLongerThanTheFileJustifies) {
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_ERROR(build({{"l.1099511627776", tuple({text("l"), number(huge)})}}), ErrorKind::kLimit,
               "max_expansion");
  Limits limits;
  limits.max_expansion = 0;
  limits.expansion_slack_bytes = 200;
  EXPECT_ERROR(build({{"l.99", tuple({text("l"), number(99)})}}, limits), ErrorKind::kLimit,
               "max_expansion");
  EXPECT_OK(build({{"l.9", tuple({text("l"), number(9)})}}, limits));
}

}  // namespace
}  // namespace hardload
