// StorageTable: from persistent ids to storages.
//
// A persistent id is ('storage', storage class, key, location, number of elements); each tensor
// that uses a storage brings one (torch/serialization.py: persistent_id). The first reference
// decides; later ones must not contradict it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

class StorageTable {
 public:
  explicit StorageTable(Manifest& manifest)
      : manifest_(manifest), by_record_(manifest.container_->records().size(), kNone) {}

  struct Reference {
    std::uint32_t storage;  // among Manifest::storages()
    Dtype dtype;            // as this reference declares it; uint8 for untyped
  };

  // The storage that the persistent id `call` of the graph refers to. Errors: kPersId for an id of
  // another form; kName for a key that is unsafe; kStorage where the record is missing, has
  // another size, or an earlier reference says something else.
  Result<Reference> resolve(std::uint64_t call);

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  Result<Reference> read_id(const ValueGraph::Call& call);
  // The number of the storage that is `record`, or, where the archive has none, has the key `key`;
  // `next` from now on if it is not known, and then nullopt.
  std::optional<std::uint32_t> find_or_add(const Record* record, std::string_view key,
                                           std::uint32_t next);

  Manifest& manifest_;
  std::vector<std::uint32_t> by_record_;  // numbers of storages, by those of the archive's records
  NameIndex without_record_;
  const Record* previous_ = nullptr;  // the one found last
};

}  // namespace hardload
