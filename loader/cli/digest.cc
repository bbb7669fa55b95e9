#include "loader/cli/digest.h"

#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/cli/elements.h"
#include "loader/cli/sha256.h"
#include "loader/cli/storage_bytes.h"

namespace hardload {
namespace {

using Digests = std::vector<std::optional<std::string>>;

// The tensors to digest, by storage: those that have a name, and their parts.
std::vector<std::vector<std::uint32_t>> tensors_by_storage(const Manifest& manifest) {
  std::vector<std::vector<std::uint32_t>> groups(manifest.storages().size());
  std::vector<bool> seen(manifest.tensors().size());
  const auto add = [&](std::uint32_t tensor) {
    const std::uint32_t storage = manifest.tensors()[tensor].storage;
    if (seen[tensor]) return;
    seen[tensor] = true;
    if (storage != TensorSpec::kNoStorage) groups[storage].push_back(tensor);
  };
  for (const NamedTensor& named : manifest.named_tensors()) {
    add(named.tensor);
    for (const std::uint32_t part : manifest.parts(manifest.tensors()[named.tensor])) add(part);
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
      HARDLOAD_TRY(add(manifest.nbytes(manifest.tensors()[tensor])));
    }
  }
  return {};
}

Result<Digests> read_and_digest(const ByteSource& source, const Manifest& manifest,
                                const Limits& limits) {
  const auto groups = tensors_by_storage(manifest);
  HARDLOAD_TRY(check_work(source, manifest, groups, limits));
  Digests digests(manifest.tensors().size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) continue;
    HARDLOAD_ASSIGN(const Buffer content,
                    read_storage(source, manifest, static_cast<std::uint32_t>(i), limits));
    for (const std::uint32_t tensor : groups[i]) {
      Sha256 hash;
      HARDLOAD_TRY(for_each_block(manifest, manifest.tensors()[tensor], content.bytes(),
                                  [&](std::span<const std::byte> block) { hash.update(block); }));
      digests[tensor] = hash.hex();
    }
  }
  return digests;
}

}  // namespace

Result<std::vector<std::optional<std::string>>> digest_tensors(const ByteSource& source,
                                                               const Manifest& manifest,
                                                               const Limits& limits) {
  return if_unchanged(source, read_and_digest(source, manifest, limits));
}

}  // namespace hardload
