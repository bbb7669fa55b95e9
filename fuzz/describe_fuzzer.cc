// Property: a file that describe accepts has a manifest in which every tensor lies inside its
// storage, every storage inside its record and every record inside the file; it can be shown and
// digested, twice with the same result.

#include <string>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "tests/manifest/invariants.h"

namespace {

using namespace hardload;

fuzz::Milestones<4> milestones({"past the directory", "past the pickle", "described",
                                "with tensors"});

std::string show(const ByteSource& source, const Manifest& manifest, const Limits& limits) {
  std::string text;
  const auto append = [&](std::string_view part) { text += part; };
  const auto digests = digest_tensors(source, manifest, limits);
  write_inspect_json(manifest, digests.ok() ? *digests : Digests(), append);
  write_inspect_text(manifest, source.name(), digests.ok() ? *digests : Digests(),
                     /*colour=*/false, append);
  return text;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  // Small allowances, so that what a small file may make stays small, too.
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const MemorySource source(fuzz::as_bytes(data, size), "input");
  const auto strict = describe(source, {.limits = limits});
  const auto manifest = describe(source, {.limits = limits, .unlisted = Unlisted::kKeepAsData});
  const bool past_directory = manifest.ok() || manifest.error().stage() >= Stage::kPickle;
  const bool past_pickle = manifest.ok() || manifest.error().stage() >= Stage::kManifest;
  if (past_directory) milestones.reach(0);
  if (past_pickle) milestones.reach(1);
  const auto verified = verify(source, limits);
  fuzz::check(verified.ok(), "bytes in memory can be read");
  if (!strict.ok()) {
    fuzz::check(!verified->findings.empty(), "verify finds what describe refuses");
    fuzz::check(!strict.error().advice().empty(), "an error gives advice");
  }
  fuzz::check(manifest.ok() || !strict.ok(), "what is accepted without unlisted names is accepted");
  if (!manifest.ok()) return 0;
  milestones.reach(2);
  if (!manifest->named_tensors().empty()) milestones.reach(3);
  const std::string fault = testing::check_invariants(source, *manifest);
  fuzz::check(fault.empty(), fault);
  fuzz::check(show(source, *manifest, limits) == show(source, *manifest, limits),
              "showing a file twice gives the same");
  return 0;
}
