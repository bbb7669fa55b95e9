// Reads that fail, fall short or are interrupted, and files that change between two of them, in all
// that is done with a checkpoint of every format. Either the result is the right one, or the error
// is of kind Io: never that of a file that seems to be wrong, and never half of each.

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "tests/faults/works.h"
#include "tests/support/changing_file.h"
#include "tests/support/every_format.h"
#include "tests/support/read_hook.h"

namespace hardload {
namespace {

using testing::Change;
using testing::Copy;
using testing::kAsUsual;
using testing::Left;
using testing::on_read;
using testing::Outcome;
using testing::reads;
using testing::Sample;
using testing::Work;

class ReadFaults : public ::testing::TestWithParam<Sample> {};
class Changes : public ::testing::TestWithParam<Sample> {};

// What comes of it where `hook` is called at each read.
Outcome outcome_with(const testing::OnRead& hook, const Work& work, const std::string& path) {
  const Left before = testing::what_is_left();
  on_read(hook);
  Outcome outcome = testing::outcome_of(work, path);
  const long count = reads();
  on_read({});
  const Left after = testing::what_is_left();
  EXPECT_EQ(after.descriptor, before.descriptor);
  EXPECT_EQ(after.files, before.files);
  EXPECT_GT(count, 0);
  return outcome;
}

// V06
TEST_P(ReadFaults, ShortReadsAndInterruptionsAreOvercome) {
  const Copy copy(GetParam());
  for (const Work& work : testing::works()) {
    const Outcome right = testing::outcome_of(work, copy.path());
    ASSERT_TRUE(testing::is_fine(right)) << right.text;
    for (const int most : {1, 7, 100}) {
      const auto fall_short = [&](long, int) { return most; };
      EXPECT_EQ(outcome_with(fall_short, work, copy.path()).text, right.text) << work.name;
    }
    const auto interrupt = [](long number, int) { return number % 3 == 2 ? kAsUsual : -EINTR; };
    EXPECT_EQ(outcome_with(interrupt, work, copy.path()).text, right.text) << work.name;
  }
}

// V06
TEST_P(ReadFaults, EachReadThatFailsIsReported) {
  const Copy copy(GetParam());
  for (const Work& work : testing::works()) {
    on_read({});
    const Outcome right = testing::outcome_of(work, copy.path());
    ASSERT_TRUE(testing::is_fine(right)) << right.text;
    const long count = reads();
    ASSERT_GT(count, 0);
    for (long n = 0; n < count; ++n) {
      const auto fail = [&](long number, int) { return number == n ? -EIO : kAsUsual; };
      const Outcome outcome = outcome_with(fail, work, copy.path());
      ASSERT_EQ(outcome.error, ErrorKind::kIo) << work.name << ", read " << n << ": " << outcome.text;
      EXPECT_NE(outcome.text.find("cannot be read"), std::string::npos) << outcome.text;
      EXPECT_NE(outcome.text.find(copy.path()), std::string::npos) << outcome.text;
    }
    EXPECT_EQ(testing::outcome_of(work, copy.path()), right);
  }
}

// V04, V05
TEST_P(Changes, BeforeEachReadAreNoticedOrHarmless) {
  const Copy copy(GetParam());
  for (const Work& work : testing::works()) {
    on_read({});
    const Outcome right = testing::outcome_of(work, copy.path());
    ASSERT_TRUE(testing::is_fine(right)) << right.text;
    const long count = reads();
    for (const Change& change : testing::kChanges) {
      long noticed = 0;
      for (long n = 0; n < count; ++n) {
        const auto make = [&](long number, int descriptor) {
          if (number == n) change.make(testing::path_of(descriptor));
          return kAsUsual;
        };
        const Outcome outcome = outcome_with(make, work, copy.path());
        copy.restore();
        if (outcome == right) continue;
        ++noticed;
        ASSERT_EQ(outcome.error, ErrorKind::kIo)
            << work.name << ", " << change.name << " before read " << n << ": " << outcome.text;
      }
      EXPECT_EQ(noticed == 0, change.keeps_the_open_file) << work.name << ", " << change.name;
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Sample>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Every, ReadFaults, ::testing::ValuesIn(testing::all_samples()), name_of);
INSTANTIATE_TEST_SUITE_P(Export, Changes,
                         ::testing::Values(Sample{"pt2", "data/corpus/describe/exported.pt2"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Every, Changes, ::testing::ValuesIn(testing::small_samples()), name_of);

}  // namespace
}  // namespace hardload
