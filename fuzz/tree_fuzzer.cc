// Property: whatever object a program builds, save() refuses it or writes a file that is loaded as
// that object.
//
// The input is text: see tree_text.h.

#include <string_view>

#include "fuzz/check.h"
#include "fuzz/round_trip.h"
#include "fuzz/tree_text.h"

namespace {

using namespace hardload;

fuzz::Milestones<2> milestones({"with objects", "saved"});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Tree tree = fuzz::read_tree({reinterpret_cast<const char*>(data), size});
  if (!tree.items().empty()) milestones.reach(0);
  // A small allowance, so that a walk along all paths is given up early.
  if (fuzz::check_round_trip(tree, {.walk_slack_bytes = 1 << 20})) milestones.reach(1);
  return 0;
}
