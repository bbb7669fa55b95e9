// Property: what load() accepts, save() refuses or writes as a file that is loaded as the same
// object.

#include <memory>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "fuzz/round_trip.h"
#include "loader/bytes/memory_source.h"
#include "loader/torch/load.h"
#include "loader/torch/to_tree.h"

namespace {

using namespace hardload;

fuzz::Milestones<3> milestones({"loaded", "plain data", "saved"});

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  // Small allowances, so that what a small file may make stays small, too.
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const auto source = std::make_shared<MemorySource>(fuzz::as_bytes(data, size), "input");
  const auto loaded = load(
      source,
      {.map_location = "cpu", .unlisted = Unlisted::kKeepAsData, .threads = 1, .limits = limits});
  if (!loaded.ok()) {
    fuzz::check(!loaded.error().advice().empty(), "an error gives advice");
    return 0;
  }
  milestones.reach(0);
  const auto tree = to_tree(*loaded);
  if (!tree.ok()) {
    fuzz::check(tree.error().kind() == ErrorKind::kUnsupported, "only plain data is saved");
    return 0;
  }
  milestones.reach(1);
  if (fuzz::check_round_trip(*tree, limits)) milestones.reach(2);
  return 0;
}
