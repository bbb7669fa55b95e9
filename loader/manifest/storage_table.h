// StorageTable: from persistent ids to storages.
//
// Each tensor that uses a storage brings a persistent id (storage_id.h). The first reference
// decides; later ones must not contradict it. A slice of a storage, which torch 0.3 had, is no
// storage of its own here: its tensors view the whole one, so that they share memory as they did.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/saved_objects.h"
#include "loader/manifest/storage_id.h"

namespace hardload {

class StorageTable {
 public:
  // `saved` says what numbers stand for; without it, ids are tuples.
  explicit StorageTable(Manifest& manifest, const SavedObjects* saved = nullptr)
      : manifest_(manifest),
        saved_(saved),
        by_record_(manifest.container_->records().size(), kNone) {}

  struct Reference {
    std::uint32_t storage;  // among Manifest::storages()
    Dtype dtype;            // as this reference declares it; uint8 for untyped
    std::uint64_t bytes;    // of the storage, or of the slice of it
    std::int64_t offset;    // of the slice, in elements
  };

  // The storage that the persistent id `call` of the graph refers to. Errors: kPersId for an id of
  // another form; kName for a key that is unsafe; kStorage where the record is missing, has
  // another size, or an earlier reference says something else.
  Result<Reference> resolve(std::uint64_t call);
  // The same for storage `number` of the saved ones.
  Result<Reference> resolve_saved(std::size_t number) { return refer_to(saved_->storages[number]); }

  // When all that the object holds is resolved: that the references which it does not hold any
  // more, as its pickle took them off the stack, agree with the others. In torch the first one that
  // the pickle makes gives a storage its type, whatever becomes of it
  // (torch/serialization.py: persistent_load). Errors: those of resolve().
  Result<void> check_unreached();

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // The storage that `id` names, found or added.
  Result<Reference> refer_to(const StorageId& id);
  Result<void> check_slice(const StorageSlice& slice, std::uint32_t storage);
  // The number of the storage that is `record`, or, where the archive has none, has the key `key`;
  // `next` from now on if it is not known, and then nullopt.
  std::optional<std::uint32_t> find_or_add(const Record* record, std::string_view key,
                                           std::uint32_t next);

  auto has_key(std::string_view key) const {
    return [this, key](std::uint32_t i) { return manifest_.storages_[i].key == key; };
  }
  // That of the storage that is `record`, or kNone.
  std::uint32_t& number_of(const Record& record);

  Manifest& manifest_;
  const SavedObjects* saved_;
  std::vector<std::uint32_t> by_record_;  // numbers of storages, by those of the archive's records
  NameIndex without_record_;
  struct Slice {
    StorageSlice slice;
    std::uint32_t storage;
  };
  std::vector<Slice> slices_;
  NameIndex by_slice_;
  const Record* previous_ = nullptr;  // the one found last
};

}  // namespace hardload
