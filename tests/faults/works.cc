#include "tests/faults/works.h"

#include <array>
#include <cstdlib>
#include <new>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/limits.h"
#include "loader/base/text.h"
#include "loader/cli/convert.h"
#include "loader/cli/diff.h"
#include "loader/cli/diff_text.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe_files.h"
#include "tests/support/failing_memory.h"

namespace hardload::testing {
namespace {

const Limits kLimits;

Result<Described> described(const std::string& path) {
  HARDLOAD_ASSIGN(CheckpointFiles files, CheckpointFiles::open(path, {.limits = kLimits}));
  return describe_files(std::move(files), {.limits = kLimits});
}

Result<std::string> inspect_as_json(const std::string& path) {
  HARDLOAD_ASSIGN(const Described d, described(path));
  std::string text;
  write_inspect_json(d.manifest, {}, [&](std::string_view part) { text += part; });
  return text;
}

Result<std::string> inspect_as_text(const std::string& path) {
  HARDLOAD_ASSIGN(const Described d, described(path));
  std::string text;
  write_inspect_text(d.manifest, d.source->name(), {}, /*colour=*/true,
                     [&](std::string_view part) { text += part; });
  return text;
}

Result<std::string> digest(const std::string& path) {
  HARDLOAD_ASSIGN(const Described d, described(path));
  HARDLOAD_ASSIGN(const Digests digests, digest_tensors(*d.source, d.manifest, kLimits));
  std::string text;
  write_inspect_json(d.manifest, digests, [&](std::string_view part) { text += part; });
  return text;
}

Result<std::string> verify_all(const std::string& path) {
  HARDLOAD_ASSIGN(CheckpointFiles files, CheckpointFiles::open(path, {.limits = kLimits}));
  HARDLOAD_ASSIGN(const VerifyReport report, verify(std::move(files), kLimits));
  std::string text = concat(report.records, " ", report.tensors, " ", report.storage_bytes, "\n");
  for (const Error& finding : report.findings) text += finding.display();
  return text;
}

Result<std::string> diff_with_itself(const std::string& path) {
  HARDLOAD_ASSIGN(const Described d, described(path));
  const DiffSide side{*d.source, d.manifest};
  HARDLOAD_ASSIGN(const Diff found, diff(side, side, {kLimits, std::nullopt}));
  std::string text;
  write_diff_text(side, side, found, [&](std::string_view part) { text += part; });
  return text;
}

// Where files are converted to. Not std::filesystem's, which would take memory while it must not.
const std::string& folder() {
  static const std::string path = [] {
    const char* own = std::getenv("TEST_TMPDIR");
    std::string made = concat(own != nullptr ? own : "/tmp", "/converted");
    ::mkdir(made.c_str(), 0700);
    return made;
  }();
  return path;
}

// The content of the file, which is removed. (A stream would hide that memory ran out.)
std::string take_file(const std::string& path) {
  std::string content;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::unlink(path.c_str());
  std::array<char, 4096> block;
  for (ssize_t count; (count = ::read(file, block.data(), block.size())) > 0;) {
    try {
      content.append(block.data(), static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      ::close(file);
      throw;
    }
  }
  ::close(file);
  return content;
}

Result<std::string> convert_to(const std::string& path, Format to) {
  HARDLOAD_ASSIGN(const Described d, described(path));
  const std::string target = concat(folder(), "/model");
  ::unlink(target.c_str());  // what a failure left, which its own test tells of
  const ConvertOptions options = {.to = to, .allow_loss = true, .sync = false};
  HARDLOAD_TRY(convert(*d.source, d.manifest, target, options));
  return take_file(target);
}

Result<std::string> convert_to_torch(const std::string& path) {
  return convert_to(path, Format::kTorchZip);
}
Result<std::string> convert_to_safetensors(const std::string& path) {
  return convert_to(path, Format::kSafetensors);
}

}  // namespace

const std::vector<Work>& works() {
  static const std::vector<Work> all = {{"inspect as JSON", inspect_as_json},
                                        {"inspect as text", inspect_as_text},
                                        {"digest", digest},
                                        {"verify", verify_all},
                                        {"diff", diff_with_itself},
                                        {"convert to torch", convert_to_torch},
                                        {"convert to safetensors", convert_to_safetensors}};
  return all;
}

Outcome outcome_of(const Work& work, const std::string& path) try {
  auto result = work.run(path);
  if (result.ok()) return {*std::move(result), std::nullopt};
  return {result.error().display(), result.error().kind()};
} catch (const std::bad_alloc&) {
  return {"", ErrorKind::kOutOfMemory};
}

Left what_is_left() {
  const char* const path = folder().c_str();  // takes memory when it is first asked for
  Left left = {testing::allocations(), ::open("/", O_PATH | O_CLOEXEC), 0};
  ::close(left.descriptor);
  if (DIR* const listing = ::opendir(path)) {
    while (::readdir(listing) != nullptr) ++left.files;
    ::closedir(listing);
  }
  return left;
}

}  // namespace hardload::testing
