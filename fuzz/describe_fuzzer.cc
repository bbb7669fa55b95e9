// Property: what describe_input checks, of archives.

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "fuzz/describe_input.h"

namespace {

using namespace hardload;

fuzz::Milestones<4> milestones({"past the directory", "past the pickle", "described",
                                "with tensors"});

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const fuzz::Described described = fuzz::describe_input(data, size);
  const auto& refused_by = described.refused_by;
  if (!refused_by || refused_by >= Stage::kPickle) milestones.reach(0);
  if (!refused_by || refused_by >= Stage::kManifest) milestones.reach(1);
  if (!refused_by) milestones.reach(2);
  if (described.has_tensors) milestones.reach(3);
  return 0;
}
