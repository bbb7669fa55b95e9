// Property: a file by LibTorch's own pickler that describe accepts has a manifest that keeps its
// promises and can be shown; the state dict of a TorchScript module is among its named tensors, in
// their order; and no other file may name TorchScript's classes.

#include <string>
#include <string_view>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/script_state.h"
#include "tests/manifest/invariants.h"

namespace {

using namespace hardload;

fuzz::Milestones<4> milestones({"TorchScript", "with a state dict", "another zip",
                                "another zip with script objects"});

std::string show(const ByteSource& source, const Manifest& manifest) {
  std::string text;
  const auto append = [&](std::string_view part) { text += part; };
  write_inspect_json(manifest, {}, append);
  write_inspect_text(manifest, source.name(), {}, /*colour=*/false, append);
  return text;
}

void check_state(const Manifest& manifest) {
  const auto named = manifest.named_tensors();
  std::size_t next = 0;
  for (const ScriptTensor& entry : script_state(manifest.root())) {
    while (next < named.size() && (manifest.name(named[next]) != entry.name ||
                                   named[next].tensor != entry.tensor.number())) {
      ++next;
    }
    fuzz::check(next < named.size(), "each entry of the state dict is a named tensor");
    milestones.reach(1);
    ++next;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const MemorySource source(fuzz::as_bytes(data, size), "input");
  const auto manifest = describe(source, {.limits = limits});
  const auto verified = verify(source, limits);
  fuzz::check(verified.ok(), "bytes in memory can be read");
  if (!manifest.ok()) {
    fuzz::check(!verified->findings.empty(), "verify finds what describe refuses");
    return 0;
  }
  const bool is_script = manifest->container().format() == Format::kTorchScript;
  const bool has_objects = manifest->root().kind() == ValueKind::kScript;
  milestones.reach(is_script ? 0 : 2);
  if (!is_script && has_objects) milestones.reach(3);
  fuzz::check(has_objects || !is_script, "what a TorchScript archive holds is a module");
  const std::string fault = testing::check_invariants(source, *manifest);
  fuzz::check(fault.empty(), fault);
  if (has_objects) check_state(*manifest);
  fuzz::check(show(source, *manifest) == show(source, *manifest),
              "showing a file twice gives the same");
  return 0;
}
