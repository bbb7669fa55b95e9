#include "loader/manifest/storage_id.h"

#include <string>
#include <utility>

#include "loader/base/checked.h"
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

Error wrong_storage(std::string_view key, std::string_view problem) {
  return wrong(ErrorKind::kStorage, concat("storage '", key, "': ", problem));
}

Error wrong_form(Format format) {
  return wrong(ErrorKind::kPersId,
               concat("a storage reference is not ('storage', class, key, location, number of "
                      "elements",
                      format != Format::kLegacyStream ? ")" : ", None or a slice)"));
}

Result<void> check_key(std::string_view key) {
  const bool plain = !key.empty() && key.size() <= kLongestKey && key != "." && key != ".." &&
                     key.find('/') == key.npos && key.find('\0') == key.npos;
  if (plain) return {};
  return wrong(ErrorKind::kName, concat("the storage key '", key.substr(0, 100), "' is unsafe"));
}

// The type of a storage class's elements; uint8 for an untyped one.
std::optional<Dtype> element_type(const ValueGraph& graph, Slot slot) {
  if (slot.kind != ValueKind::kClass) return std::nullopt;
  const Global& global = graph.classes[slot.payload].global;
  if (global.kind != GlobalKind::kStorageClass) return std::nullopt;
  // The wrapper stands for no type of its own; torch writes the class of its type instead.
  if (graph.text_of(slot).ends_with("\nTypedStorage")) return std::nullopt;
  return global.dtype.value_or(Dtype::kUInt8);
}

Result<StorageSlice> read_slice(const ValueGraph& graph, Slot slot, std::string_view root) {
  const auto parts =
      slot.kind == ValueKind::kTuple ? graph.items_of(slot) : std::span<const Slot>();
  if (parts.size() != 3 || parts[0].kind != ValueKind::kString ||
      parts[1].kind != ValueKind::kInt || parts[2].kind != ValueKind::kInt) {
    return wrong_form(Format::kLegacyStream);
  }
  const StorageSlice slice = {graph.text_of(parts[0]), parts[1].payload, parts[2].payload};
  HARDLOAD_TRY(check_key(slice.key));
  if (slice.key == root) return wrong_storage(root, "it is a slice of itself");
  return slice;
}

}  // namespace

Result<StorageId> read_storage_id(const ValueGraph& graph, Slot id, Format format) {
  const std::size_t required = format == Format::kLegacyStream ? 6 : 5;
  const auto parts = graph.items_of(id);
  if (parts.size() != required) return wrong_form(format);
  for (const std::size_t i : {0u, 2u, 3u}) {
    if (parts[i].kind != ValueKind::kString) return wrong_form(format);
  }
  const auto dtype = element_type(graph, parts[1]);
  if (graph.text_of(parts[0]) != "storage" || !dtype || parts[4].kind != ValueKind::kInt) {
    return wrong_form(format);
  }
  StorageId made{.dtype = *dtype,
                 .key = graph.text_of(parts[2]),
                 .location = graph.text_of(parts[3]),
                 .numel = parts[4].payload,
                 .bytes = 0};
  HARDLOAD_TRY(check_key(made.key));
  if (made.location.size() > kLongestLocation) {
    return wrong(ErrorKind::kLimit,
                 concat("the location of storage '", made.key, "' has ", made.location.size(),
                        " bytes, over ", kLongestLocation));
  }
  if (required == 6 && parts[5].kind != ValueKind::kNone) {
    HARDLOAD_ASSIGN(made.slice, read_slice(graph, parts[5], made.key));
  }
  HARDLOAD_TRY(check_storage_id(made));
  return made;
}

Result<void> check_storage_id(StorageId& id) {
  const auto declared = static_cast<std::int64_t>(id.numel);
  if (declared < 0) return wrong_storage(id.key, concat("it declares ", declared, " elements"));
  const auto bytes = checked_mul(id.numel, item_bytes(id.dtype));
  if (!bytes) {
    return wrong_storage(id.key, concat("it declares ", declared, " elements, which overflow"));
  }
  id.bytes = *bytes;
  if (!id.slice) return {};
  // Negative numbers are larger than any number of elements.
  if (id.slice->offset <= id.numel && id.slice->numel <= id.numel - id.slice->offset) return {};
  return wrong_storage(id.key, concat("the slice '", id.slice->key, "' of it begins at element ",
                                      static_cast<std::int64_t>(id.slice->offset), " and has ",
                                      static_cast<std::int64_t>(id.slice->numel),
                                      " elements, but the storage has ", id.numel));
}

}  // namespace hardload
