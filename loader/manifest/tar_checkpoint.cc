#include "loader/manifest/tar_checkpoint.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/container/identify.h"
#include "loader/container/raw_storages.h"
#include "loader/container/tar.h"
#include "loader/manifest/system_info.h"
#include "loader/pickle/pickle_stream.h"

namespace hardload {
namespace {

constexpr std::int64_t kVersion = 1000;
constexpr std::string_view kMembers[] = {"sys_info", "storages", "tensors", "pickle"};
constexpr std::size_t kLongestLocation = 256;

std::int64_t int_of(Slot slot) { return static_cast<std::int64_t>(slot.payload); }

class Reader {
 public:
  Reader(const ByteSource& source, const TarArchive& archive, const Limits& limits)
      : source_(source),
        archive_(archive),
        limits_(limits),
        storages_(std::make_unique<RawStorages>(Format::kTar, kVersion)) {}

  Result<TarCheckpoint> read(Unlisted unlisted) {
    HARDLOAD_TRY(read_info());
    HARDLOAD_TRY(read_storages());
    HARDLOAD_TRY(read_tensors());
    const NumberedKinds kinds = [this](std::int64_t number) -> std::optional<ValueKind> {
      const SavedObjects::Object* object = objects_.find(number);
      return object == nullptr ? std::nullopt : std::optional(object->kind);
    };
    PickleStream stream = open("pickle");
    HARDLOAD_ASSIGN(ValueGraph graph, stream.next("pickle", unlisted, &kinds));
    HARDLOAD_TRY(check_end(stream, "pickle"));
    return TarCheckpoint{std::move(storages_), std::move(graph), std::move(objects_)};
  }

 private:
  static Error wrong(ErrorKind kind, std::string_view member, std::string problem) {
    return Error(kind, Stage::kManifest, std::move(problem)).in_record(member);
  }
  Error malformed(std::string_view member) const {
    return wrong(ErrorKind::kContainer, member, "this is not what torch 0.1 wrote here");
  }

  PickleStream open(std::string_view member) const {
    const Record& record = *archive_.find(member);
    return {source_, record.data_offset, record.data_offset + record.bytes, limits_};
  }

  static Result<void> check_end(const PickleStream& stream, std::string_view member) {
    if (stream.remaining() == 0) return {};
    return wrong(ErrorKind::kContainer, member,
                 concat(stream.remaining(), " bytes follow what the member should hold"));
  }

  Result<void> read_info() {
    PickleStream stream = open("sys_info");
    HARDLOAD_TRY(read_system_info(stream, kVersion));
    return check_end(stream, "sys_info");
  }

  // The number of objects that the member begins with.
  Result<std::uint64_t> read_count(PickleStream& stream, std::string_view member) const {
    HARDLOAD_ASSIGN(const ValueGraph graph, stream.next(member));
    if (graph.root.kind != ValueKind::kInt || int_of(graph.root) < 0) return malformed(member);
    return graph.root.payload;
  }

  Result<void> add_object(std::int64_t id, ValueKind kind, std::size_t number,
                          std::string_view member) {
    if (objects_.add({id, kind, static_cast<std::uint32_t>(number)})) return {};
    return wrong(ErrorKind::kStorage, member, concat("number ", id, " is given twice"));
  }

  Result<void> read_storages() {
    PickleStream stream = open("storages");
    HARDLOAD_ASSIGN(const std::uint64_t count, read_count(stream, "storages"));
    for (std::uint64_t i = 0; i < count; ++i) HARDLOAD_TRY(read_storage(stream));
    HARDLOAD_TRY(storages_->make_index());
    HARDLOAD_ASSIGN(const ValueGraph slices, stream.next("storages"));
    if (slices.root.kind != ValueKind::kList) return malformed("storages");
    for (const Slot& slice : slices.items_of(slices.root)) {
      HARDLOAD_TRY(add_slice(slices, slice));
    }
    return check_end(stream, "storages");
  }

  Result<void> read_storage(PickleStream& stream) {
    HARDLOAD_ASSIGN(const ValueGraph graph, stream.next("storages"));
    const auto parts = tuple_of(graph, graph.root, 3);
    if (parts.empty() || parts[0].kind != ValueKind::kInt || parts[1].kind != ValueKind::kString ||
        parts[1].length > kLongestLocation || parts[2].kind != ValueKind::kClass) {
      return malformed("storages");
    }
    const Global& storage_class = graph.classes[parts[2].payload].global;
    if (storage_class.kind != GlobalKind::kStorageClass || !storage_class.dtype) {
      return malformed("storages");
    }
    const std::uint64_t item = item_bytes(*storage_class.dtype), offset = stream.position();
    const std::uint64_t end = offset + stream.remaining();
    HARDLOAD_ASSIGN(const auto count, stream.take(RawStorages::kCountBytes));
    HARDLOAD_ASSIGN(const std::uint64_t behind,
                    storages_->add({concat(int_of(parts[0])), item, std::nullopt}, count, offset,
                                   end, limits_));
    stream.skip(behind - stream.position());
    const Record& record = storages_->records().back();
    HARDLOAD_TRY(
        add_object(int_of(parts[0]), ValueKind::kStorage, objects_.storages.size(), "storages"));
    objects_.storages.push_back({.dtype = *storage_class.dtype,
                                 .key = record.name,
                                 .location = storages_->keep(graph.text_of(parts[1])),
                                 .numel = record.bytes / item,
                                 .bytes = record.bytes});
    return {};
  }

  Result<void> add_slice(const ValueGraph& graph, Slot slice) {
    const auto parts = tuple_of(graph, slice, 4);
    if (parts.empty() || !are_ints(parts)) return malformed("storages");
    const SavedObjects::Object* whole = objects_.find(int_of(parts[1]));
    if (whole == nullptr || objects_.storages[whole->number].slice) {
      return wrong(ErrorKind::kStorage, "storages",
                   concat("storage ", int_of(parts[0]), " is a slice of one that is not there"));
    }
    StorageId id = objects_.storages[whole->number];
    id.slice = {storages_->keep(concat(int_of(parts[0]))), parts[2].payload, parts[3].payload};
    HARDLOAD_TRY(check_storage_id(id));
    HARDLOAD_TRY(
        add_object(int_of(parts[0]), ValueKind::kStorage, objects_.storages.size(), "storages"));
    objects_.storages.push_back(id);
    return {};
  }

  Result<void> read_tensors() {
    PickleStream stream = open("tensors");
    HARDLOAD_ASSIGN(const std::uint64_t count, read_count(stream, "tensors"));
    for (std::uint64_t i = 0; i < count; ++i) HARDLOAD_TRY(read_tensor(stream));
    return check_end(stream, "tensors");
  }

  Result<void> read_tensor(PickleStream& stream) {
    HARDLOAD_ASSIGN(const ValueGraph graph, stream.next("tensors"));
    const auto parts = tuple_of(graph, graph.root, 3);
    if (parts.empty() || parts[0].kind != ValueKind::kInt || parts[2].kind != ValueKind::kClass) {
      return malformed("tensors");
    }
    const SavedObjects::Object* storage =
        parts[1].kind == ValueKind::kInt ? objects_.find(int_of(parts[1])) : nullptr;
    if (storage == nullptr || storage->kind != ValueKind::kStorage) {
      return wrong(ErrorKind::kStorage, "tensors",
                   concat("tensor ", int_of(parts[0]), " has no storage"));
    }
    constexpr std::size_t kRankBytes = 8;
    HARDLOAD_ASSIGN(const auto head, stream.take(kRankBytes));
    const std::uint32_t rank = Cursor(head).read<std::uint32_t>().value_or(0);
    if (rank > limits_.max_rank) {
      return wrong(ErrorKind::kLimit, "tensors",
                   concat("a tensor has ", rank, " dimensions, over max_rank, ", limits_.max_rank));
    }
    const std::size_t numbers = 2 * std::size_t{rank} + 1;
    HARDLOAD_ASSIGN(const auto bytes, stream.take(numbers * sizeof(std::int64_t)));
    Cursor cursor(bytes);
    const std::size_t dims = objects_.dims.size();
    for (std::size_t i = 0; i < numbers; ++i) {
      objects_.dims.push_back(static_cast<std::int64_t>(cursor.read<std::uint64_t>().value_or(0)));
    }
    const std::int64_t offset = objects_.dims.back();
    objects_.dims.pop_back();
    const std::uint32_t of = storage->number;
    HARDLOAD_TRY(
        add_object(int_of(parts[0]), ValueKind::kTensor, objects_.tensors.size(), "tensors"));
    objects_.tensors.push_back({of, rank, dims, offset});
    return {};
  }

  // The items of a tuple of so many, or none.
  static std::span<const Slot> tuple_of(const ValueGraph& graph, Slot slot, std::size_t size) {
    if (slot.kind != ValueKind::kTuple || slot.length != size) return {};
    return graph.items_of(slot);
  }
  static bool are_ints(std::span<const Slot> slots) {
    return std::all_of(slots.begin(), slots.end(),
                       [](Slot slot) { return slot.kind == ValueKind::kInt; });
  }

  const ByteSource& source_;
  const TarArchive& archive_;
  const Limits& limits_;
  std::unique_ptr<RawStorages> storages_;
  SavedObjects objects_;
};

}  // namespace

Result<TarCheckpoint> read_tar_checkpoint(const ByteSource& source, const Limits& limits,
                                          Unlisted unlisted) {
  HARDLOAD_ASSIGN(const TarArchive archive, TarArchive::open(source));
  const bool is_whole =
      archive.members().size() == std::size(kMembers) &&
      std::all_of(std::begin(kMembers), std::end(kMembers),
                  [&](std::string_view name) { return archive.find(name) != nullptr; });
  if (!is_whole) return explain_kind(source, FileKind::kTar);
  return Reader(source, archive, limits).read(unlisted);
}

}  // namespace hardload
