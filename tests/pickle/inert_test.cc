// Names that are not in the table, kept as data: nothing is made of them, nothing is lost.

#include "loader/pickle/inert.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::PickleBuilder;

std::string kept(const std::string& instructions) {
  return testing::result_of(PickleBuilder().raw(instructions).stop(), {}, Unlisted::kKeepAsData);
}

const std::string kNamespace = "cargparse\nNamespace\n";

TEST(Inert, ANameIsAClassThatIsNotThere) {
  EXPECT_EQ(kept(kNamespace), "<class argparse.Namespace>");
  EXPECT_EQ(kept("cos\nsystem\n"), "<class os.system>");
  const auto graph =
      testing::run(PickleBuilder().raw(kNamespace).stop(), {}, Unlisted::kKeepAsData);
  ASSERT_OK(graph);
  EXPECT_TRUE(is_inert(*graph, graph->root));
}

TEST(Inert, ACallIsKeptWithAllThatFollowsIt) {
  EXPECT_EQ(kept("cos\nsystem\nU\x02ls\x85R"),
            "inert(<class os.system>, ('ls',), None, None, None)");
  EXPECT_EQ(kept(kNamespace + ")\x81}U\x02lrK\x01sb"),
            "inert(<class argparse.Namespace>, (), {'lr': 1}, None, None)");
  EXPECT_EQ(kept("cm\nList\n)\x81K\x01"
                 "a(K\x02K\x03"
                 "e"),
            "inert(<class m.List>, (), None, [1, 2, 3], None)");
  EXPECT_EQ(kept("cm\nDict\n)\x81K\x01K\x02s(K\x03K\x04u}b"),
            "inert(<class m.Dict>, (), {}, None, {1: 2, 3: 4})");
  // What a call made may be called in turn.
  EXPECT_EQ(kept("cm\nmake\n)R)R"),
            "inert(inert(<class m.make>, (), None, None, None), (), None, None, None)");
}

TEST(Inert, NothingIsBuiltWithAnObjectThatWasNot) {
  EXPECT_EQ(kept("ctorch._utils\n_rebuild_parameter\n(" + kNamespace + ")\x81\x88NtR"),
            "inert(<class torch._utils._rebuild_parameter>, (inert(<class argparse.Namespace>, (), "
            "None, None, None), True, None), None, None, None)");
  EXPECT_EQ(kept("cbuiltins\nset\n(" + kNamespace + "tR"),
            "inert(<class builtins.set>, (<class argparse.Namespace>,), None, None, None)");
}

TEST(Inert, ObjectsMayContainThemselves) {
  EXPECT_EQ(kept(kNamespace + ")\x81q\x01}U\x04selfh\x01sb"),
            "inert(<class argparse.Namespace>, (), {'self': ...}, None, None)");
}

TEST(Inert, IsNoWayAroundTheMachinesRules) {
  const auto refused = [](const std::string& instructions, std::string_view why) {
    EXPECT_NE(kept(instructions).find(why), std::string::npos) << kept(instructions);
  };
  refused(kNamespace + "NR", "a call's arguments are not a tuple");
  refused(kNamespace + ")\x81}b}b", "BUILD is applied to one object twice");
  refused(kNamespace + "}b", "BUILD is applied to something that takes no such state");
  refused(kNamespace +
              "K\x01"
              "a",
          "items are appended to a type");
  refused(kNamespace + ")\x81(K\x01u", "a key is set without a value");
  refused(kNamespace + "Q", "a persistent id is a type");
}

TEST(Inert, ListedNamesAreWhatTheyAre) {
  const std::string listed = "ccollections\nOrderedDict\n)RK\x01K\x02s";
  EXPECT_EQ(kept(listed), "OrderedDict({1: 2})");
  EXPECT_EQ(kept("ctorch\nfloat32\n"), "torch.float32");
}

}  // namespace
}  // namespace hardload
