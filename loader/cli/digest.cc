#include "loader/cli/digest.h"

#include <utility>

#include "loader/base/byte_swap.h"
#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/cli/elements.h"
#include "loader/cli/sha256.h"
#include "loader/container/record_reader.h"

namespace hardload {
namespace {

// The tensors to digest, by storage; those without a name are not shown and not digested.
std::vector<std::vector<std::uint32_t>> tensors_by_storage(const Manifest& manifest) {
  std::vector<std::vector<std::uint32_t>> groups(manifest.storages().size());
  std::vector<bool> seen(manifest.tensors().size());
  for (const NamedTensor& named : manifest.named_tensors()) {
    const std::uint32_t storage = manifest.tensors()[named.tensor].storage;
    if (seen[named.tensor] || storage == TensorSpec::kNoStorage) continue;
    seen[named.tensor] = true;
    groups[storage].push_back(named.tensor);
  }
  return groups;
}

Result<void> check_work(const ByteSource& source, const Manifest& manifest,
                        const std::vector<std::vector<std::uint32_t>>& groups,
                        const Limits& limits) {
  const std::uint64_t most = limits.expanded(source.allocated_bytes());
  std::uint64_t total = 0;
  const auto add = [&](std::uint64_t bytes) -> Result<void> {
    total = checked_add(total, bytes).value_or(~std::uint64_t{0});
    if (total <= most) return {};
    return Error(ErrorKind::kLimit, Stage::kCli,
                 concat("the tensors have more elements than max_expansion allows to digest: over ",
                        most, " bytes"));
  };
  for (std::size_t i = 0; i < groups.size(); ++i) {
    // The whole storage is read, if only for one element.
    if (!groups[i].empty()) HARDLOAD_TRY(add(manifest.storages()[i].bytes));
    for (const std::uint32_t tensor : groups[i]) {
      HARDLOAD_TRY(add(manifest.tensors()[tensor].nbytes()));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::optional<std::string>>> digest_tensors(const ByteSource& source,
                                                               const Manifest& manifest,
                                                               const Limits& limits) {
  const auto groups = tensors_by_storage(manifest);
  HARDLOAD_TRY(check_work(source, manifest, groups, limits));
  std::vector<std::optional<std::string>> digests(manifest.tensors().size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) continue;
    const Record* record = manifest.storages()[i].record;
    Buffer content;
    if (record != nullptr) {
      HARDLOAD_ASSIGN(content, read_record(source, *record, {.limits = limits}));
      if (manifest.byte_order() == ByteOrder::kBig) {
        swap_bytes(content.bytes(), info(manifest.storages()[i].dtype).swap_bytes);
      }
    }
    for (const std::uint32_t tensor : groups[i]) {
      Sha256 hash;
      HARDLOAD_TRY(for_each_block(manifest, manifest.tensors()[tensor], content.bytes(),
                                  [&](std::span<const std::byte> block) { hash.update(block); }));
      digests[tensor] = hash.hex();
    }
  }
  return digests;
}

}  // namespace hardload
