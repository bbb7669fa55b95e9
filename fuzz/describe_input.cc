#include "fuzz/describe_input.h"

#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "tests/manifest/invariants.h"

namespace hardload::fuzz {
namespace {

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

Described describe_input(const std::uint8_t* data, std::size_t size) {
  // Small allowances, so that what a small file may make stays small, too.
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const MemorySource source(as_bytes(data, size), "input");
  const auto strict = describe(source, {.limits = limits});
  const auto manifest = describe(source, {.limits = limits, .unlisted = Unlisted::kKeepAsData});
  const auto verified = verify(source, limits);
  check(verified.ok(), "bytes in memory can be read");
  if (!strict.ok()) {
    check(!verified->findings.empty(), "verify finds what describe refuses");
    check(!strict.error().advice().empty(), "an error gives advice");
  }
  check(manifest.ok() || !strict.ok(), "what is accepted without unlisted names is accepted");
  if (!manifest.ok()) return {.refused_by = manifest.error().stage()};
  const std::string fault = testing::check_invariants(source, *manifest);
  check(fault.empty(), fault);
  check(show(source, *manifest, limits) == show(source, *manifest, limits),
        "showing a file twice gives the same");
  return {.has_tensors = !manifest->named_tensors().empty()};
}

}  // namespace hardload::fuzz
