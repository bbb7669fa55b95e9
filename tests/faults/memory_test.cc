// Memory that cannot be had, at each allocation in turn of all that is done with a checkpoint of
// every format: an error that says so, or the right result. Nothing is left behind: no memory, no
// descriptor, no half of a file.

#include <string>

#include <gtest/gtest.h>

#include "tests/faults/works.h"
#include "tests/support/every_format.h"
#include "tests/support/failing_memory.h"

namespace hardload {
namespace {

using testing::Left;
using testing::Outcome;
using testing::Sample;
using testing::Work;

class MemoryFaults : public ::testing::TestWithParam<Sample> {};

// Whether the allocation with this number came to be asked for.
bool fail_at(long number, const Work& work, const std::string& path, const Outcome& right) {
  const Left before = testing::what_is_left();
  bool has_failed = false;
  {
    testing::fail_allocation(number);
    const Outcome outcome = testing::outcome_of(work, path);
    has_failed = !testing::is_failure_ahead();
    testing::fail_allocation(testing::kNone);
    EXPECT_TRUE(outcome == right || (has_failed && outcome.error == ErrorKind::kOutOfMemory))
        << outcome.text;
  }
  const Left after = testing::what_is_left();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.descriptor, before.descriptor);
  EXPECT_EQ(after.files, before.files);
  return has_failed;
}

// V09
TEST_P(MemoryFaults, EachAllocationInTurn) {
  const std::string path = GetParam().path;
  for (const Work& work : testing::works()) {
    const Outcome right = testing::outcome_of(work, path);  // makes what is made once, and kept
    ASSERT_TRUE(testing::is_fine(right)) << right.text;
    long number = 0;
    while (fail_at(number, work, path, right) && !HasFailure()) ++number;
    ASSERT_FALSE(HasFailure()) << work.name << ", allocation " << number;
    EXPECT_GE(number, 10) << work.name;
  }
}

std::string name_of(const ::testing::TestParamInfo<Sample>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Every, MemoryFaults, ::testing::ValuesIn(testing::all_samples()), name_of);

}  // namespace
}  // namespace hardload
