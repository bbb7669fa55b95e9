// Every malformed file is loaded into a module, which is bit for bit what it was after each
// refusal, and nothing is done but reading the file.

#include <iostream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/bytes/file_source.h"
#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "tests/support/lockdown.h"
#include "tests/support/malformed_cases.h"
#include "tests/support/matchers.h"
#include "tests/torch/target.h"

namespace hardload {
namespace {

using testing::Target;

// What is wrong with these is not looked at where only "w" is loaded: it is in a record that
// "w" does not need, say. All that verify finds, malformed_test.cc counts.
bool may_load(const nlohmann::json& expected) {
  return expected.contains("loads") || expected.contains("describe") ||
         expected["stage"] == "place";
}

TEST(MalformedLoad, ChangesNoBitOfAModule) {
  int refused = 0, loaded = 0;
  for (const auto& expected : testing::kept_malformed_cases()) {
    const std::string path = "data/malformed/" + expected["file"].get<std::string>();
    for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
      for (const char* kind : Target::kKinds) {
        Target target(kind);
        target.prepare();
        const auto done = load_into(target.module, path, Target::options(mode));
        if (done.ok()) {
          ++loaded;
          EXPECT_TRUE(may_load(expected)) << path;
          continue;
        }
        ++refused;
        EXPECT_NE(done.error().kind(), ErrorKind::kTorn) << path;
        EXPECT_TRUE(target.is_untouched()) << path << ", " << kind;
      }
    }
  }
  std::cout << refused << " refusals, " << loaded << " loads\n";
  EXPECT_GT(refused, 4000);
  EXPECT_GT(loaded, 600);
}

// Watched from outside, as in //tests/malformed:watch_test.
TEST(MalformedLoad, DoesNothingButRead) {
  EXPECT_OK(load("data/malformed/Z01_twin_whole.pt"));  // LibTorch is ready
  for (const auto& expected : testing::kept_malformed_cases()) {
    const std::string file = expected["file"];
    const std::shared_ptr<const ByteSource> source =
        FileSource::open("data/malformed/" + file).value();
    const int status = testing::run_locked_down([&] {
      Target target("plain");
      target.prepare();
      const auto done = load_into(target.module, source, Target::options(LoadMode::kStaged));
      return done.ok() ? 0 : target.is_untouched() ? 1 : 2;
    });
    EXPECT_LE(status, 1) << file;
  }
}

}  // namespace
}  // namespace hardload
