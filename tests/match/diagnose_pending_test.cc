// diagnose: causes that it names wrongly.

#include <string>

#include <gtest/gtest.h>

#include "loader/match/diagnose.h"
#include "tests/match/specs.h"

namespace hardload {
namespace {

using testing::net;
using testing::net_state;
using testing::State;

// A number where a tensor is expected says nothing about sizes.
TEST(DiagnoseCause, IsNotTheSizeWhereNoShapeDiffers) {
  const State state = net_state().without("steps").value("steps", "int");
  const auto entries = state.entries();
  EXPECT_EQ(diagnose(match(net(), entries), entries).find("other sizes"), std::string::npos);
}

// The checkpoints of training scripts: the optimizer's dict comes first as often as the model's.
TEST(DiagnoseNested, NamesTheDictThatHoldsTheModel) {
  const State state = State().value("optimizer", "dict").value("state_dict", "dict");
  const auto entries = state.entries();
  EXPECT_NE(diagnose(match(net(), entries), entries).find("\"state_dict\""), std::string::npos);
}

}  // namespace
}  // namespace hardload
