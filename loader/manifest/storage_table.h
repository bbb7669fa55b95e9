// StorageTable: from persistent ids to storages.
//
// A persistent id is ('storage', storage class, key, location, number of elements); each tensor
// that uses a storage brings one (torch/serialization.py: persistent_id). The first reference
// decides; later ones must not contradict it.
#pragma once

#include <cstdint>
#include <string_view>

#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

class StorageTable {
 public:
  explicit StorageTable(Manifest& manifest)
      : manifest_(manifest), by_key_(manifest.archive_.zip().records().size()) {}

  struct Reference {
    std::uint32_t storage;  // among Manifest::storages()
    Dtype dtype;            // as this reference declares it; uint8 for untyped
  };

  // The storage that the persistent id `call` of the graph refers to. Errors: kPersId for an id of
  // another form; kName for a key that is unsafe; kStorage where the record is missing, has
  // another size, or an earlier reference says something else.
  Result<Reference> resolve(std::uint64_t call);

 private:
  Result<Reference> read_id(const ValueGraph::Call& call);

  Manifest& manifest_;
  NameIndex by_key_;
};

}  // namespace hardload
