#include "loader/manifest/distributed_metadata.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/text.h"
#include "loader/bytes/folder.h"
#include "loader/pickle/machine.h"

namespace hardload {
namespace {

constexpr std::string_view kRecord = ".metadata";

Error wrong(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kManifest, std::move(problem)).in_record(kRecord);
}

Error not_as_written(std::string_view what) {
  return wrong(ErrorKind::kPickle,
               concat(what, ", which torch.distributed.checkpoint does not write"));
}

std::string quoted(std::string_view name) { return concat("'", name.substr(0, 500), "'"); }

}  // namespace

class DistributedMetadata::Parser {
 public:
  Parser(DistributedMetadata& metadata, const Limits& limits)
      : metadata_(metadata),
        graph_(metadata.graph_),
        limits_(limits),
        budget_(limits.walked(metadata.graph_.text.size())) {}

  Result<void> parse() {
    HARDLOAD_ASSIGN(const Slot root, dataclass(graph_.root, "Metadata"));
    HARDLOAD_ASSIGN(const Slot entries, field(root, "state_dict_metadata"));
    HARDLOAD_ASSIGN(const Slot slices, field(root, "storage_data"));
    HARDLOAD_ASSIGN(const Slot paths, field(root, "planner_data"));
    HARDLOAD_TRY(read_slices(slices));
    HARDLOAD_TRY(read_entries(entries));
    return read_paths(paths);
  }

 private:
  // Where in the pickle's memo the items lie that slices are known by.
  struct Place {
    std::string_view name;
    std::span<const Slot> offset;
    bool has_offset;
  };

  // What is remembered can be looked at again and again.
  Result<void> charge(std::uint64_t work) {
    if (work > budget_) {
      return wrong(ErrorKind::kLimit,
                   "reading this takes more work than max_walk_ratio allows for its size: parts of "
                   "it are shared too often");
    }
    budget_ -= work;
    return {};
  }

  bool is_dataclass(Slot slot, std::string_view name) const {
    if (slot.kind != ValueKind::kInert) return false;
    const Slot made_by = graph_.items_of(slot)[static_cast<std::size_t>(InertPart::kCallable)];
    return made_by.kind == ValueKind::kClass &&
           graph_.classes[made_by.payload].global.kind == GlobalKind::kDataclass &&
           graph_.text_of(made_by) == name;
  }

  Result<Slot> dataclass(Slot slot, std::string_view name) const {
    if (is_dataclass(slot, name)) return slot;
    return not_as_written(
        concat("something is a ", python_type_name(slot.kind), ", and not a ", name));
  }

  Slot state_of(Slot object) const {
    return graph_.items_of(object)[static_cast<std::size_t>(InertPart::kState)];
  }

  // The field of a dataclass; None where it has none of this name.
  Result<Slot> field(Slot object, std::string_view name) {
    const Slot state = state_of(object);
    if (state.kind != ValueKind::kNone && state.kind != ValueKind::kDict) {
      return not_as_written("the fields of an object are no dict");
    }
    const auto items = graph_.items_of(state);
    HARDLOAD_TRY(charge(items.size()));
    std::optional<Slot> found;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i].kind != ValueKind::kString || graph_.text_of(items[i]) != name) continue;
      if (std::exchange(found, items[i + 1])) return not_as_written("an object has a field twice");
    }
    return found.value_or(Slot{});
  }

  Result<std::span<const Slot>> dict(Slot slot, std::string_view what) const {
    if (slot.kind == ValueKind::kDict) return graph_.items_of(slot);
    return not_as_written(concat(what, " is a ", python_type_name(slot.kind), ", and no dict"));
  }

  Result<std::string_view> text(Slot slot, std::string_view what) const {
    if (slot.kind == ValueKind::kString) return graph_.text_of(slot);
    return not_as_written(concat(what, " is no text"));
  }

  Result<std::uint64_t> count(Slot slot, std::string_view what) const {
    if (slot.kind == ValueKind::kInt && static_cast<std::int64_t>(slot.payload) >= 0) {
      return slot.payload;
    }
    return not_as_written(concat(what, " is no number of bytes"));
  }

  // A torch.Size, tuple or list of integers that are not negative.
  Result<std::span<const Slot>> size(Slot slot) {
    const bool is_sequence = slot.kind == ValueKind::kSize || slot.kind == ValueKind::kTuple ||
                             slot.kind == ValueKind::kList;
    if (!is_sequence) return not_as_written("a size is no torch.Size");
    const auto items = graph_.items_of(slot);
    if (items.size() > limits_.max_rank) {
      return wrong(ErrorKind::kLimit, concat("a tensor has ", items.size(),
                                             " dimensions, over max_rank, ", limits_.max_rank));
    }
    HARDLOAD_TRY(charge(sizeof(std::int64_t) * (items.size() + 1)));
    for (const Slot& item : items) {
      if (item.kind != ValueKind::kInt || static_cast<std::int64_t>(item.payload) < 0) {
        return not_as_written("a size holds something that is no number of elements");
      }
    }
    return items;
  }

  static bool are_equal(std::span<const Slot> a, std::span<const Slot> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](Slot x, Slot y) { return x.payload == y.payload; });
  }

  static std::uint64_t hash_of(const Place& place) {
    std::string text(place.name);
    for (const Slot& item : place.offset) append(text, "\n", item.payload);
    return seeded_hash(text);
  }

  bool is_same(const Place& a, const Place& b) const {
    return a.has_offset == b.has_offset && a.name == b.name && are_equal(a.offset, b.offset);
  }

  Result<void> read_slices(Slot slot) {
    HARDLOAD_ASSIGN(const auto items, dict(slot, "storage_data"));
    if (items.size() / 2 > limits_.max_records) {
      return wrong(ErrorKind::kLimit, concat("it lists ", items.size() / 2,
                                             " slices, over max_records, ", limits_.max_records));
    }
    metadata_.slices_.reserve(items.size() / 2);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      HARDLOAD_ASSIGN(const Place place, read_place(items[i]));
      HARDLOAD_ASSIGN(const Slice slice, read_slice(items[i + 1]));
      const auto number = static_cast<std::uint32_t>(places_.size());
      HARDLOAD_TRY(charge(place.name.size() + place.offset.size()));
      if (by_place_.insert(hash_of(place), number,
                           [&](std::uint32_t other) { return is_same(places_[other], place); })) {
        return wrong(ErrorKind::kKey,
                     concat("storage_data has a chunk of ", quoted(place.name), " twice"));
      }
      places_.push_back(place);
      metadata_.slices_.push_back(slice);
    }
    return {};
  }

  Result<Place> read_place(Slot slot) {
    HARDLOAD_ASSIGN(const Slot index, dataclass(slot, "MetadataIndex"));
    HARDLOAD_ASSIGN(const Slot name, field(index, "fqn"));
    HARDLOAD_ASSIGN(const Slot offset, field(index, "offset"));
    Place place{{}, {}, offset.kind != ValueKind::kNone};
    HARDLOAD_ASSIGN(place.name, text(name, "the name of an entry"));
    if (place.has_offset) {
      HARDLOAD_ASSIGN(place.offset, size(offset));
    }
    return place;
  }

  Result<Slice> read_slice(Slot slot) {
    HARDLOAD_ASSIGN(const Slot info, dataclass(slot, "_StorageInfo"));
    HARDLOAD_ASSIGN(const Slot path, field(info, "relative_path"));
    HARDLOAD_ASSIGN(const Slot offset, field(info, "offset"));
    HARDLOAD_ASSIGN(const Slot length, field(info, "length"));
    HARDLOAD_ASSIGN(const Slot transforms, field(info, "transform_descriptors"));
    if (transforms.kind != ValueKind::kNone && !graph_.items_of(transforms).empty()) {
      return wrong(ErrorKind::kUnsupported,
                   "what was saved went through an extension, which compressed or encrypted it")
          .advise("Save it without extensions.");
    }
    Slice slice{0, 0, 0};
    HARDLOAD_ASSIGN(const std::string_view name, text(path, "the name of a file"));
    HARDLOAD_ASSIGN(slice.file, file_of(name));
    HARDLOAD_ASSIGN(slice.offset, count(offset, "an offset"));
    HARDLOAD_ASSIGN(slice.bytes, count(length, "a length"));
    return slice;
  }

  // The number of the file, which is added where it is new.
  Result<std::uint32_t> file_of(std::string_view name) {
    auto& files = metadata_.files_;
    HARDLOAD_TRY(charge(name.size()));
    const auto position = static_cast<std::uint32_t>(files.size());
    if (const auto known = by_file_.insert(seeded_hash(name), position,
                                           [&](std::uint32_t i) { return files[i] == name; })) {
      return *known;
    }
    if (!is_plain_name(name)) {
      return wrong(ErrorKind::kName, concat("the file ", quoted(name),
                                            " is no plain name of a file in the same folder"))
          .advise(
              "The checkpoint is crafted, or made by something else than torch: do not use it.");
    }
    if (position >= limits_.max_shards) {
      return wrong(ErrorKind::kLimit,
                   concat("it names more files than max_shards, ", limits_.max_shards));
    }
    files.push_back(name);
    return position;
  }

  Result<void> read_entries(Slot slot) {
    HARDLOAD_ASSIGN(const auto items, dict(slot, "state_dict_metadata"));
    auto& entries = metadata_.entries_;
    entries.reserve(items.size() / 2);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      Entry entry{items[i], false, Dtype::kFloat32, 0, 0, metadata_.chunks_.size(), 0, {}};
      HARDLOAD_ASSIGN(const std::string_view name, text(items[i], "the name of an entry"));
      const auto number = static_cast<std::uint32_t>(entries.size());
      const auto is_known = [&](std::uint32_t other) {
        return graph_.text_of(entries[other].name) == name;
      };
      HARDLOAD_TRY(charge(name.size()));
      if (by_name_.insert(seeded_hash(name), number, is_known)) {
        return wrong(ErrorKind::kKey, concat("there are two entries ", quoted(name)));
      }
      if (is_dataclass(items[i + 1], "BytesStorageMetadata")) {
        HARDLOAD_ASSIGN(const std::uint32_t slice, find_slice({name, {}, false}));
        entry.chunks = 1;
        metadata_.chunks_.push_back({metadata_.dims_.size(), slice});
      } else {
        HARDLOAD_TRY(read_tensor(items[i + 1], name, entry));
      }
      entries.push_back(entry);
    }
    return {};
  }

  Result<std::uint32_t> find_slice(const Place& place) const {
    const auto found = by_place_.find(
        hash_of(place), [&](std::uint32_t other) { return is_same(places_[other], place); });
    if (found) return *found;
    return wrong(ErrorKind::kKey, concat("storage_data does not say where ", quoted(place.name),
                                         " or a chunk of it is"));
  }

  Result<void> read_tensor(Slot slot, std::string_view name, Entry& entry) {
    HARDLOAD_ASSIGN(const Slot tensor, dataclass(slot, "TensorStorageMetadata"));
    entry.is_tensor = true;
    HARDLOAD_ASSIGN(const Slot properties, field(tensor, "properties"));
    HARDLOAD_TRY(read_dtype(properties, name, entry));
    HARDLOAD_ASSIGN(const Slot shape, field(tensor, "size"));
    HARDLOAD_ASSIGN(const auto sizes, size(shape));
    entry.rank = static_cast<std::uint32_t>(sizes.size());
    entry.dims = keep(sizes);
    HARDLOAD_TRY(charge(2 * sizeof(std::int64_t) * entry.rank));  // what the manifest keeps
    HARDLOAD_ASSIGN(const Slot chunks, field(tensor, "chunks"));
    if (chunks.kind != ValueKind::kList) return not_as_written("chunks are no list");
    for (const Slot& item : graph_.items_of(chunks)) {
      HARDLOAD_TRY(charge(name.size() + sizeof(Chunk) + 2 * sizeof(std::int64_t) * entry.rank));
      HARDLOAD_ASSIGN(const Slot box, dataclass(item, "ChunkStorageMetadata"));
      HARDLOAD_ASSIGN(const Slot begins, field(box, "offsets"));
      HARDLOAD_ASSIGN(const Slot extents, field(box, "sizes"));
      HARDLOAD_ASSIGN(const auto offset, size(begins));
      HARDLOAD_ASSIGN(const auto extent, size(extents));
      if (offset.size() != entry.rank || extent.size() != entry.rank) {
        return wrong(ErrorKind::kLayout,
                     concat("a chunk of ", quoted(name), " has another rank than the tensor"));
      }
      Chunk chunk{keep(offset), kNoSlice};
      keep(extent);
      const bool has_elements =
          std::all_of(extent.begin(), extent.end(), [](Slot step) { return step.payload != 0; });
      if (has_elements) {
        HARDLOAD_ASSIGN(chunk.slice, find_slice({name, offset, true}));
      }
      metadata_.chunks_.push_back(chunk);
      ++entry.chunks;
    }
    return {};
  }

  // The state of TensorProperties is (dtype, layout, requires_grad, memory_format, pin_memory), of
  // which all but the first are of no meaning any more.
  Result<void> read_dtype(Slot properties, std::string_view name, Entry& entry) const {
    if (!is_dataclass(properties, "TensorProperties")) {
      return not_as_written("the properties of a tensor are something else");
    }
    const Slot state = state_of(properties);
    const auto parts = graph_.items_of(state);
    if (state.kind != ValueKind::kTuple || parts.size() != 5 ||
        parts[0].kind != ValueKind::kDtype) {
      return not_as_written("the properties of a tensor do not begin with its dtype");
    }
    const auto dtype = dtype_named(graph_.text_of(parts[0]));
    if (!dtype) {
      return wrong(ErrorKind::kUnsupported,
                   concat(quoted(name), " is of a dtype that no tensor can be saved with"));
    }
    entry.dtype = *dtype;
    return {};
  }

  std::uint64_t keep(std::span<const Slot> sizes) {
    const std::uint64_t begin = metadata_.dims_.size();
    for (const Slot& size : sizes) {
      metadata_.dims_.push_back(static_cast<std::int64_t>(size.payload));
    }
    return begin;
  }

  // None where the state dict was saved flat, or an entry has none.
  Result<void> read_paths(Slot slot) {
    if (slot.kind == ValueKind::kNone) return {};
    HARDLOAD_ASSIGN(const auto items, dict(slot, "planner_data"));
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      HARDLOAD_ASSIGN(const std::string_view name, text(items[i], "the name of an entry"));
      HARDLOAD_TRY(charge(name.size()));
      const auto found = by_name_.find(seeded_hash(name), [&](std::uint32_t other) {
        return graph_.text_of(metadata_.entries_[other].name) == name;
      });
      if (!found) continue;
      HARDLOAD_TRY(check_path(items[i + 1], name));
      Slot& path = metadata_.entries_[*found].path;
      if (path.kind != ValueKind::kNone) {
        return wrong(ErrorKind::kKey, concat("planner_data has ", quoted(name), " twice"));
      }
      path = items[i + 1];
    }
    return {};
  }

  // torch/distributed/checkpoint/_nested_dict.py: flatten_state_dict. The name is the path, joined
  // by dots; the first step is a key.
  Result<void> check_path(Slot path, std::string_view name) {
    const auto steps = graph_.items_of(path);
    if (path.kind != ValueKind::kTuple || steps.empty() || steps[0].kind != ValueKind::kString) {
      return not_as_written("the path of an entry is no tuple of keys");
    }
    if (steps.size() > limits_.max_depth) {
      return wrong(ErrorKind::kLimit,
                   concat("an entry is deeper than max_depth, ", limits_.max_depth));
    }
    HARDLOAD_TRY(charge(steps.size() + name.size()));
    std::string_view rest = name;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool is_index =
          steps[i].kind == ValueKind::kInt && static_cast<std::int64_t>(steps[i].payload) >= 0;
      if (!is_index && steps[i].kind != ValueKind::kString) {
        return not_as_written("the path of an entry is no tuple of keys");
      }
      const std::string index = is_index ? concat(steps[i].payload) : std::string();
      const std::string_view step = is_index ? std::string_view(index) : graph_.text_of(steps[i]);
      if (i > 0 && !rest.starts_with('.')) return wrong_path(name);
      if (i > 0) rest.remove_prefix(1);
      if (!rest.starts_with(step)) return wrong_path(name);
      rest.remove_prefix(step.size());
    }
    return rest.empty() ? Result<void>() : wrong_path(name);
  }

  static Error wrong_path(std::string_view name) {
    return wrong(ErrorKind::kKey,
                 concat("planner_data has another path for ", quoted(name), " than its name says"));
  }

  DistributedMetadata& metadata_;
  const ValueGraph& graph_;
  const Limits& limits_;
  std::uint64_t budget_;
  std::vector<Place> places_;  // of the slices
  NameIndex by_place_, by_file_, by_name_;
};

Result<DistributedMetadata> DistributedMetadata::parse(Buffer pickle, const Limits& limits,
                                                       Unlisted unlisted) {
  DistributedMetadata metadata;
  HARDLOAD_ASSIGN(metadata.graph_,
                  run_pickle(std::move(pickle), kRecord, limits, unlisted, Dialect::kDistributed));
  HARDLOAD_TRY(Parser(metadata, limits).parse());
  return metadata;
}

Result<DistributedMetadata> DistributedMetadata::read(const ByteSource& source,
                                                      const Limits& limits, Unlisted unlisted) {
  const std::uint64_t most =
      std::min(limits.max_pickle_bytes, limits.expanded(source.allocated_bytes()));
  if (source.size() > most) {
    return wrong(ErrorKind::kLimit,
                 concat("it has ", source.size(), " bytes, over the limit of ", most));
  }
  HARDLOAD_ASSIGN(Buffer pickle, Buffer::read(source, 0, source.size()));
  return parse(std::move(pickle), limits, unlisted);
}

}  // namespace hardload
