#include "loader/manifest/storage_table.h"

#include <optional>
#include <string>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

Error wrong(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kManifest, std::move(problem));
}

}  // namespace

Result<StorageTable::Reference> StorageTable::refer_to(const StorageId& id) {
  const auto named = [&](const std::string& problem) {
    return wrong(ErrorKind::kStorage, concat("storage '", id.key, "': ", problem));
  };
  const auto next = static_cast<std::uint32_t>(manifest_.storages_.size());
  const Record* record = manifest_.container_->storage(id.key, previous_);
  if (record != nullptr) previous_ = record;
  // LibTorch rounds the number of elements down where a storage is no multiple of their size.
  const bool is_rounded = manifest_.graph_.dialect == Dialect::kLibTorch && record != nullptr &&
                          record->bytes / item_bytes(id.dtype) == id.bytes / item_bytes(id.dtype);
  const std::uint64_t bytes = is_rounded ? record->bytes : id.bytes;
  const std::uint32_t number = find_or_add(record, id.key, next).value_or(next);
  if (number != next) {
    const StorageSpec& first = manifest_.storages_[number];
    // Torch itself writes references of two dtypes to one empty storage, and an untyped one beside
    // a uint8 one.
    const bool both_empty = first.bytes == 0 && bytes == 0;
    if (!both_empty &&
        (first.dtype != id.dtype || first.bytes != bytes || first.location != id.location)) {
      return named("two references to it differ in type, size or location");
    }
  } else {
    if (record == nullptr && bytes != 0) return named("the archive has no record for it");
    if (record != nullptr && record->bytes != bytes) {
      auto error =
          named(concat("record size (", record->bytes, " bytes) does not match expected size (",
                       bytes, " bytes = ", id.numel, " elements * ", item_bytes(id.dtype),
                       " bytes/element) for dtype ", to_string(id.dtype)));
      return std::move(error).in_record(record->name).at(0);
    }
    manifest_.storages_.push_back({id.key, id.location, id.dtype, bytes, record});
  }
  if (!id.slice) return Reference{number, id.dtype, bytes, 0};
  HARDLOAD_TRY(check_slice(*id.slice, number));
  return Reference{number, id.dtype, id.slice->numel * item_bytes(id.dtype),
                   static_cast<std::int64_t>(id.slice->offset)};
}

// That no other slice, and no storage, has the slice's key.
Result<void> StorageTable::check_slice(const StorageSlice& slice, std::uint32_t storage) {
  const auto known =
      by_slice_.insert(seeded_hash(slice.key), static_cast<std::uint32_t>(slices_.size()),
                       [&](std::uint32_t i) { return slices_[i].slice.key == slice.key; });
  if (known) {
    const Slice& first = slices_[*known];
    if (first.storage == storage && first.slice.offset == slice.offset &&
        first.slice.numel == slice.numel) {
      return {};
    }
  } else if (manifest_.container_->storage(slice.key) == nullptr) {
    slices_.push_back({slice, storage});
    return {};
  }
  return wrong(ErrorKind::kStorage,
               concat("storage '", slice.key, "': it is two slices, or a slice and a storage"));
}

std::uint32_t& StorageTable::number_of(const Record& record) {
  return by_record_[static_cast<std::size_t>(&record - manifest_.container_->records().data())];
}

std::optional<std::uint32_t> StorageTable::find_or_add(const Record* record, std::string_view key,
                                                       std::uint32_t next) {
  if (record == nullptr) return without_record_.insert(seeded_hash(key), next, has_key(key));
  std::uint32_t& number = number_of(*record);
  if (number != kNone) return number;
  number = next;
  return std::nullopt;
}

Result<void> StorageTable::check_unreached() {
  if (saved_ != nullptr) return {};
  for (const ValueGraph::Call& call : manifest_.graph_.calls) {
    if (!call.is_storage() || call.resolved >= 0) continue;
    HARDLOAD_ASSIGN(const StorageId id, read_storage_id(manifest_.graph_, call.arguments,
                                                        manifest_.container_->format()));
    const Record* record = manifest_.container_->storage(id.key, previous_);
    const bool is_known =
        record != nullptr ? number_of(*record) != kNone
                          : without_record_.find(seeded_hash(id.key), has_key(id.key)).has_value();
    if (is_known) HARDLOAD_TRY(refer_to(id));
  }
  return {};
}

Result<StorageTable::Reference> StorageTable::resolve(std::uint64_t call) {
  ValueGraph::Call& reference = manifest_.graph_.calls[call];
  std::optional<StorageId> id;
  if (saved_ != nullptr) {
    id = saved_->storages[saved_->find(reference.arguments)->number];
  } else {
    HARDLOAD_ASSIGN(
        id, read_storage_id(manifest_.graph_, reference.arguments, manifest_.container_->format()));
  }
  HARDLOAD_ASSIGN(const Reference made, refer_to(*id));
  reference.resolved = made.storage;
  return made;
}

}  // namespace hardload
