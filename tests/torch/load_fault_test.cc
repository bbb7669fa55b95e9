// load and load_into where reading fails, and where the file changes between two reads. The result
// is the right one, or an error of kind Io, and then the module is what it was. In place it can be
// too late for that: the error says so, and nothing else does.

#include <cerrno>
#include <string>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "tests/support/changing_file.h"
#include "tests/support/every_format.h"
#include "tests/support/matchers.h"
#include "tests/support/read_hook.h"
#include "tests/torch/target.h"

namespace hardload {
namespace {

using testing::Change;
using testing::Copy;
using testing::kAsUsual;
using testing::on_read;
using testing::OnRead;
using testing::reads;
using testing::Sample;
using testing::Target;

constexpr const char kFails[] = "fails";

class LoadFaults : public ::testing::TestWithParam<Sample> {
 protected:
  // How many reads a load from the copy takes, and what becomes of it where something happens at
  // each of them: `attempt` loads, and looks at what came of it.
  template <typename Attempt>
  void at_each_read(const Attempt& attempt) {
    on_read({});
    attempt(/*what=*/"nothing happens");
    const long count = reads();
    EXPECT_GE(count, 2);
    for (long n = 0; n < count && !HasFailure(); ++n) {
      on_read([n](long number, int) { return number == n ? -EIO : kAsUsual; });
      attempt(kFails);
      for (const Change& change : testing::kChanges) {
        on_read([n, &change](long number, int descriptor) {
          if (number == n) change.make(testing::path_of(descriptor));
          return kAsUsual;
        });
        attempt(change.name);
        copy_.restore();
      }
      if (HasFailure()) ADD_FAILURE() << "read " << n;
    }
    on_read({});
  }

  const Copy copy_{GetParam()};
};

// V04, V05, V06
TEST_P(LoadFaults, OfLoad) {
  at_each_read([&](const char* what) {
    const auto loaded = load(copy_.path(), {.threads = 1});
    if (loaded.ok()) {
      EXPECT_NE(what, kFails);
      EXPECT_TRUE(at::equal(loaded->tensor("w").value(), Target::content_of_file())) << what;
    } else {
      EXPECT_ERROR(loaded, ErrorKind::kIo) << what;
    }
  });
}

// K13, V04, V05, V06
TEST_P(LoadFaults, OfLoadInto) {
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    for (const char* kind : Target::kKinds) {
      Target target(kind);
      int refused = 0, torn = 0;
      at_each_read([&](const char* what) {
        target.prepare();
        const auto done = load_into(target.module, copy_.path(), Target::options(mode));
        if (done.ok()) {
          EXPECT_NE(what, kFails);
          EXPECT_TRUE(target.is_loaded()) << what << ", " << kind;
          return;
        }
        if (mode == LoadMode::kInPlace && done.error().kind() == ErrorKind::kTorn) {
          ++torn;
          return;
        }
        ++refused;
        EXPECT_ERROR(done, ErrorKind::kIo) << what << ", " << kind;
        EXPECT_TRUE(target.is_untouched()) << what << ", " << kind;
      });
      EXPECT_GT(refused, 5);
      EXPECT_LT(torn, refused);
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Sample>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Small, LoadFaults, ::testing::ValuesIn(testing::small_samples()), name_of);

}  // namespace
}  // namespace hardload
