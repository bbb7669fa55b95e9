#include "loader/manifest/storage_table.h"

#include <optional>
#include <string>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/hash.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

// Torch's keys are numbers and its locations are names of devices. Each reference is compared and
// shown with both, so that long ones would make much of a few bytes of pickle.
constexpr std::size_t kLongestKey = 256;
constexpr std::size_t kLongestLocation = 256;

Error wrong(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kManifest, std::move(problem));
}

// The parts of a persistent id.
struct Id {
  Dtype dtype;
  std::string_view key, location;
  std::int64_t numel;
};

std::optional<Id> parse_id(const ValueGraph& graph, Slot tuple) {
  const auto parts = graph.items_of(tuple);
  if (parts.size() != 5) return std::nullopt;
  for (const std::size_t i : {0u, 2u, 3u}) {
    if (parts[i].kind != ValueKind::kString) return std::nullopt;
  }
  if (graph.text_of(parts[0]) != "storage") return std::nullopt;
  if (parts[1].kind != ValueKind::kClass || parts[4].kind != ValueKind::kInt) return std::nullopt;
  const Global& storage_class = graph.classes[parts[1].payload].global;
  if (storage_class.kind != GlobalKind::kStorageClass) return std::nullopt;
  // The wrapper stands for no type of its own; torch writes the class of its type instead.
  if (graph.text_of(graph.classes[parts[1].payload].name).ends_with("\nTypedStorage")) {
    return std::nullopt;
  }
  return Id{storage_class.dtype.value_or(Dtype::kUInt8), graph.text_of(parts[2]),
            graph.text_of(parts[3]), static_cast<std::int64_t>(parts[4].payload)};
}

Result<void> check_key(std::string_view key) {
  const bool plain = !key.empty() && key.size() <= kLongestKey && key != "." && key != ".." &&
                     key.find('/') == key.npos && key.find('\0') == key.npos;
  if (plain) return {};
  return wrong(ErrorKind::kName, concat("the storage key '", key.substr(0, 100), "' is unsafe"));
}

}  // namespace

Result<StorageTable::Reference> StorageTable::read_id(const ValueGraph::Call& call) {
  const auto id = parse_id(manifest_.graph_, call.arguments);
  if (!id) {
    return wrong(ErrorKind::kPersId,
                 "a storage reference is not ('storage', class, key, "
                 "location, number of elements)");
  }
  HARDLOAD_TRY(check_key(id->key));
  if (id->location.size() > kLongestLocation) {
    return wrong(ErrorKind::kLimit, concat("the location of storage '", id->key, "' has ",
                                           id->location.size(), " bytes, over ", kLongestLocation));
  }
  const auto named = [&](const std::string& problem) {
    return wrong(ErrorKind::kStorage, concat("storage '", id->key, "': ", problem));
  };
  if (id->numel < 0) return named(concat("it declares ", id->numel, " elements"));
  const std::uint64_t item = item_bytes(id->dtype);
  auto bytes = checked_mul(static_cast<std::uint64_t>(id->numel), item);
  if (!bytes) return named(concat("it declares ", id->numel, " elements, which overflow"));

  const auto number = static_cast<std::uint32_t>(manifest_.storages_.size());
  const Record* record = manifest_.container_->storage(id->key, previous_);
  if (record != nullptr) previous_ = record;
  // LibTorch rounds the number of elements down where a storage is no multiple of their size.
  const bool is_rounded = manifest_.graph_.dialect == Dialect::kLibTorch && record != nullptr &&
                          record->bytes / item == static_cast<std::uint64_t>(id->numel);
  if (is_rounded) bytes = record->bytes;
  if (const auto known = find_or_add(record, id->key, number)) {
    const StorageSpec& first = manifest_.storages_[*known];
    // Torch itself writes references of two dtypes to one empty storage, and an untyped one beside
    // a uint8 one.
    const bool both_empty = first.bytes == 0 && *bytes == 0;
    if (!both_empty &&
        (first.dtype != id->dtype || first.bytes != *bytes || first.location != id->location)) {
      return named("two references to it differ in type, size or location");
    }
    return Reference{*known, id->dtype};
  }

  if (record == nullptr && *bytes != 0) return named("the archive has no record for it");
  if (record != nullptr && record->bytes != *bytes) {
    auto error =
        named(concat("record size (", record->bytes, " bytes) does not match expected size (",
                     *bytes, " bytes = ", id->numel, " elements * ", item,
                     " bytes/element) for dtype ", to_string(id->dtype)));
    return std::move(error).in_record(record->name).at(0);
  }
  manifest_.storages_.push_back({id->key, id->location, id->dtype, *bytes, record});
  return Reference{number, id->dtype};
}

std::optional<std::uint32_t> StorageTable::find_or_add(const Record* record, std::string_view key,
                                                       std::uint32_t next) {
  if (record == nullptr) {
    return without_record_.insert(
        seeded_hash(key), next, [&](std::uint32_t i) { return manifest_.storages_[i].key == key; });
  }
  std::uint32_t& number =
      by_record_[static_cast<std::size_t>(record - manifest_.container_->records().data())];
  if (number != kNone) return number;
  number = next;
  return std::nullopt;
}

Result<StorageTable::Reference> StorageTable::resolve(std::uint64_t call) {
  ValueGraph::Call& id = manifest_.graph_.calls[call];
  HARDLOAD_ASSIGN(const Reference reference, read_id(id));
  id.resolved = reference.storage;
  return reference;
}

}  // namespace hardload
