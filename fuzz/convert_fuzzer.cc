// Property: what describe accepts is refused by convert, or becomes an archive that says the same,
// down to the SHA-256 of each tensor; and where safetensors can hold all of it, such a file, which
// says the same of its tensors.

#include <map>
#include <string>
#include <string_view>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/json_writer.h"
#include "loader/cli/losses.h"
#include "loader/cli/rewrite.h"
#include "loader/cli/storage_reader.h"
#include "loader/cli/value_json.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/manifest_pickler.h"
#include "tests/support/string_sink.h"

namespace {

using namespace hardload;

fuzz::Milestones<4> milestones({"described", "digested", "as torch", "as safetensors"});

// A line for each tensor that has a name: its name, dtype, shape and digest; parts have no names.
std::map<std::string, std::string> lines(const Manifest& manifest, const Digests& digests) {
  std::map<std::string, std::string> out;
  for (const NamedTensor& named : manifest.named_tensors()) {
    const TensorSpec& tensor = manifest.tensors()[named.tensor];
    std::string line(to_string(tensor.dtype));
    for (const std::int64_t size : manifest.shape(tensor)) line += " " + std::to_string(size);
    for (std::uint32_t part : manifest.parts(tensor)) line += " " + digests[part].value_or("-");
    line += " " + digests[named.tensor].value_or("-");
    out[std::string(manifest.name(named))] += line + "\n";
  }
  return out;
}

std::string values(const Manifest& manifest) {
  std::string text;
  JsonWriter json([&](std::string_view part) { text += part; });
  write_value(json, manifest, manifest.root());
  json.flush();
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
  const auto manifest = describe(source, {.limits = limits});
  if (!manifest.ok()) return 0;
  milestones.reach(0);
  const auto digests = digest_tensors(source, *manifest, limits);
  if (!digests.ok()) return 0;
  milestones.reach(1);
  const auto expected = lines(*manifest, *digests);
  const auto same = [&](const std::string& content, bool with_values) {
    const MemorySource copy(std::as_bytes(std::span(content)), "copy");
    const auto again = describe(copy, {});
    fuzz::check(again.ok(), again.ok() ? "" : again.error().message());
    const auto redigested = digest_tensors(copy, *again, {});
    fuzz::check(redigested.ok() && lines(*again, *redigested) == expected, "the tensors differ");
    fuzz::check(!with_values || values(*again) == values(*manifest), "the values differ");
  };
  StorageReader reader(source, *manifest, limits);
  testing::StringSink torch, safetensors;
  const auto made = pickle_manifest(*manifest, limits);
  if (made.ok() && rewrite_as_torch(reader, *made, "copy", torch).ok()) {
    milestones.reach(2);
    same(torch.content, /*with_values=*/true);
  }
  bool fits = true;
  for (const Loss& loss : find_losses(*manifest, Format::kSafetensors)) {
    fits = fits && !loss.is_final();
  }
  const auto tensors = flat_tensors(*manifest);
  if (!fits || !check_flat_size(source, tensors, limits).ok()) return 0;
  if (!rewrite_as_safetensors(reader, tensors, {}, safetensors).ok()) return 0;
  milestones.reach(3);
  same(safetensors.content, /*with_values=*/false);
  return 0;
}
