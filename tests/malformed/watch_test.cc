// Watched from outside: whatever a malformed file says, it is read, and nothing else happens. No
// other file is opened, nothing is written, no program, process or thread is started.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/bytes/file_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "tests/support/lockdown.h"
#include "tests/support/malformed_cases.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::run_locked_down;

// Whether the file is fine, after all that can be done with it.
bool is_fine(const ByteSource& source) {
  const auto report = verify(source, {});
  const auto manifest = describe(source, {.unlisted = Unlisted::kKeepAsData});
  if (manifest.ok()) {
    std::size_t shown = 0;
    const auto count = [&](std::string_view part) { shown += part.size(); };
    const auto digests = digest_tensors(source, *manifest, {});
    write_inspect_json(*manifest, digests.ok() ? *digests : Digests(), count);
    write_inspect_text(*manifest, source.name(), {}, /*colour=*/false, count);
  }
  return report.ok() && report->findings.empty();
}

TEST(Watch, NoFileDoesMoreThanBeRead) {
  int refused = 0, fine = 0;
  for (const auto& expected : testing::kept_malformed_cases()) {
    const std::string file = expected["file"];
    const auto source = FileSource::open("data/malformed/" + file);
    ASSERT_OK(source);
    const int status = run_locked_down([&] { return is_fine(**source) ? 0 : 1; });
    const bool is_to_load = expected.contains("loads") || expected["stage"] == "place";
    EXPECT_EQ(status, is_to_load ? 0 : 1) << file;
    ++(is_to_load ? fine : refused);
  }
  EXPECT_GT(refused, 700);
  EXPECT_GT(fine, 200);
}

// What the watch is there to see.
TEST(Watch, EndsWhoDoesMore) {
  const std::pair<const char*, std::function<int()>> kDeeds[] = {
      {"open", [] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }},
      {"open a folder", [] { return ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }},
      {"start a process", [] { return static_cast<int>(::fork()); }},
      {"run a program", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"make a socket", [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }},
      {"look for a file", [] { return ::access("/etc/passwd", R_OK); }},
      {"make a folder", [] { return ::mkdir("folder", 0700); }},
      {"remove", [] { return ::unlink("file"); }},
      {"write to an open file", [] { return static_cast<int>(::write(STDOUT_FILENO, "", 0)); }},
  };
  for (const auto& [name, deed] : kDeeds) {
    EXPECT_EQ(run_locked_down([&deed = deed] { return deed(), 0; }), testing::kStopped) << name;
  }
  EXPECT_EQ(run_locked_down([] { return 7; }), 7);
}

}  // namespace
}  // namespace hardload
