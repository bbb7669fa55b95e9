// Property: a safetensors file that describe accepts says the same to another JSON reader; each of
// its bytes belongs to one tensor; it can be shown, digested and verified.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "fuzz/check.h"
#include "fuzz/safetensors_mutator.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/inspect_text.h"
#include "loader/cli/verify.h"
#include "loader/container/identify.h"
#include "loader/manifest/describe.h"
#include "tests/manifest/invariants.h"

namespace {

using namespace hardload;
using nlohmann::json;

fuzz::Milestones<4> milestones({"known as safetensors", "past the header", "with tensors",
                                "with metadata"});

// What the other reader makes of the header; its keys are known not to be repeated.
json header_of(std::string_view file) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<std::uint8_t>(file[i]);
  const json header = json::parse(file.substr(8, length), nullptr, false);
  fuzz::check(header.is_object(), "the other reader accepts the header");
  return header;
}

void check_tensor(const Manifest& manifest, const NamedTensor& named, const json& header) {
  const json& entry = header.at(std::string(manifest.name(named)));
  const TensorSpec& tensor = manifest.tensors()[named.tensor];
  const StorageSpec& storage = manifest.storages()[tensor.storage];
  const std::uint64_t begin = entry.at("data_offsets").at(0);
  const std::uint64_t end = entry.at("data_offsets").at(1);
  fuzz::check(storage.bytes == end - begin, "the range has the bytes of the tensor");
  fuzz::check(manifest.nbytes(tensor) == storage.bytes, "no byte is left over");
  const std::string dtype = entry.at("dtype");
  if (dtype.starts_with("F4") || dtype.starts_with("F6")) return;  // other sizes for torch
  const auto shape = manifest.shape(tensor);
  fuzz::check(json(std::vector<std::int64_t>(shape.begin(), shape.end())) == entry.at("shape"),
              "the sizes are those of the header");
}

void check_shown(const ByteSource& source, const Manifest& manifest, const Limits& limits) {
  std::string text;
  const auto append = [&](std::string_view part) { text += part; };
  const auto digests = digest_tensors(source, manifest, limits);
  fuzz::check(digests.ok(), "all elements can be read");
  write_inspect_json(manifest, *digests, append);
  const json shown = json::parse(text, nullptr, false);
  fuzz::check(shown.is_object(), "what is shown is JSON");
  fuzz::check(shown.at("tensors").size() == manifest.named_tensors().size(), "all is shown");
  write_inspect_text(manifest, source.name(), *digests, /*colour=*/false, append);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_safetensors(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Limits limits{.expansion_slack_bytes = 1 << 20};
  const MemorySource source(fuzz::as_bytes(data, size), "input");
  if (identify(source).value() != FileKind::kSafetensors) return 0;
  milestones.reach(0);
  const auto manifest = describe(source, {.limits = limits});
  const auto verified = verify(source, limits);
  fuzz::check(verified.ok(), "bytes in memory can be read");
  fuzz::check(verified->findings.empty() == manifest.ok(), "verify finds what describe refuses");
  if (!manifest.ok()) return 0;
  milestones.reach(1);
  if (!manifest->named_tensors().empty()) milestones.reach(2);
  if (!manifest->container().metadata().empty()) milestones.reach(3);
  const std::string fault = testing::check_invariants(source, *manifest);
  fuzz::check(fault.empty(), fault);
  const json header = header_of({reinterpret_cast<const char*>(data), size});
  const bool has_metadata = header.contains("__metadata__");
  fuzz::check(header.size() == manifest->named_tensors().size() + (has_metadata ? 1 : 0),
              "each member is a tensor");
  for (const NamedTensor& named : manifest->named_tensors()) check_tensor(*manifest, named, header);
  for (const auto& [key, value] : manifest->container().metadata()) {
    fuzz::check(header.at("__metadata__").at(std::string(key)) == value, "the texts are equal");
  }
  check_shown(source, *manifest, limits);
  return 0;
}
