#include "loader/manifest/tree_walk.h"

#include <charconv>
#include <utility>

#include "loader/base/text.h"
#include "loader/manifest/hashable.h"

namespace hardload {
namespace {

constexpr std::uint32_t kRootStep = 0;

bool is_mapping(ValueKind kind) {
  return kind == ValueKind::kDict || kind == ValueKind::kOrderedDict || kind == ValueKind::kCounter;
}

// Lists, sets, mappings, inert and script objects are objects of their own, which can be shared;
// tuples are not told apart from their content.
bool has_identity(ValueKind kind) {
  return is_mapping(kind) || kind == ValueKind::kList || kind == ValueKind::kSet ||
         kind == ValueKind::kInert || kind == ValueKind::kScript;
}

bool is_container(ValueKind kind) {
  return has_identity(kind) || kind == ValueKind::kTuple || kind == ValueKind::kSize;
}

// What showing a value takes, its items left out. Integers of many digits are the dearest.
std::uint64_t work_of(Slot slot) {
  constexpr std::uint64_t kDigits = 32;
  const std::uint64_t length = slot.length;
  return sizeof(Slot) + (slot.kind == ValueKind::kBigInt ? kDigits * length : length);
}

bool may_hold_tensors(ValueKind kind) {
  return is_container(kind) || kind == ValueKind::kTensor || kind == ValueKind::kStorage;
}

}  // namespace

TreeWalk::TreeWalk(Manifest& manifest, StorageTable& storages, TensorTable& tensors,
                   const Limits& limits)
    : manifest_(manifest),
      storages_(storages),
      tensors_(tensors),
      limits_(limits),
      budget_(limits.walked(manifest.graph_.text.size())),
      key_bounds_{.charge = [this](std::uint64_t bytes) { return charge(bytes); },
                  .max_depth = limits.max_depth},
      is_open_(manifest.graph_.containers.size()),
      is_checked_(manifest.graph_.containers.size()) {}

Result<void> TreeWalk::run() {
  const ValueGraph& graph = manifest_.graph_;
  manifest_.steps_.push_back({kRootStep, {}});
  // The root is the only child of an imagined list.
  const Frame root = {
      .slot = {}, .next = 0, .name_bytes = 0, .path = kRootStep, .path_bytes = 0, .is_named = true};
  HARDLOAD_TRY(visit(graph.root, root));
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    const auto items = graph.items_of(frame.slot);
    if (frame.next == items.size()) {
      if (has_identity(frame.slot.kind)) is_open_[frame.slot.payload] = false;
      frames_.pop_back();
      continue;
    }
    const bool mapping = is_mapping(frame.slot.kind);
    const Slot key = mapping ? items[frame.next]
                             : Slot{ValueKind::kInt, 0, static_cast<std::uint64_t>(frame.next)};
    const Slot child = items[mapping ? frame.next + 1 : frame.next];
    frame.next += mapping ? 2 : 1;
    const Frame parent = frame;  // visit() may add a frame and so move `frame`

    name_.resize(parent.name_bytes);
    if (parent.slot.kind == ValueKind::kInert) {
      Frame unnamed = parent;  // what would have been made of its parts is not known
      unnamed.is_named = false;
      HARDLOAD_TRY(visit(child, unnamed));
      continue;
    }
    if (parent.slot.kind == ValueKind::kScript) {
      // Attributes are named as if they were entries of the object itself.
      HARDLOAD_TRY(visit(child, parent));
      continue;
    }
    if (mapping && may_hold_tensors(key.kind)) {
      Frame unnamed = parent;  // a key is no place that has a name
      unnamed.is_named = false;
      HARDLOAD_TRY(visit(key, unnamed));
    }
    if (is_container(child.kind) || child.kind == ValueKind::kTensor) {
      if (parent.path != kRootStep) name_ += '.';
      append_to_name(key);
      Frame named = parent;
      named.path = add_step(parent.path, key);
      HARDLOAD_ASSIGN(const std::uint64_t bytes, path_bytes(key));
      named.path_bytes += bytes;
      HARDLOAD_TRY(visit(child, named));
    } else {
      HARDLOAD_TRY(charge(work_of(key)));
      HARDLOAD_TRY(visit(child, parent));
    }
  }
  return {};
}

// Visits `slot`, whose name is in name_ and whose step is parent.path.
Result<void> TreeWalk::visit(Slot slot, const Frame& parent) {
  const bool is_named_node = is_container(slot.kind) || slot.kind == ValueKind::kTensor;
  HARDLOAD_TRY(charge(work_of(slot) + (is_named_node ? name_.size() + parent.path_bytes : 0)));
  if (is_container(slot.kind)) return enter(slot, parent);
  if (slot.kind == ValueKind::kStorage) {
    auto resolved = storages_.resolve(slot.payload);
    if (!resolved.ok()) return with_name(resolved.error());
    if (resolved->bytes == manifest_.storages_[resolved->storage].bytes) return {};
    return with_name(Error(ErrorKind::kUnsupported, Stage::kManifest,
                           "this is a slice of a storage, by itself and not of a tensor"));
  }
  if (slot.kind != ValueKind::kTensor) return {};
  auto tensor = tensors_.resolve(slot.payload);
  if (!tensor.ok()) return with_name(tensor.error());
  // Sizes and strides are kept for each tensor and shown with each name, however they are shared.
  HARDLOAD_TRY(charge(std::uint64_t{2 * sizeof(std::int64_t)} * manifest_.tensors_[*tensor].rank));
  if (parent.is_named) {
    manifest_.named_.push_back(
        {*tensor, parent.path, static_cast<std::uint32_t>(name_.size()), manifest_.names_.size()});
    manifest_.names_ += name_;
  }
  return enter_attributes(Value(manifest_.graph_, slot), parent);
}

// What Python keeps beside the elements of a tensor or the entries of a dict is checked, too, but
// is no place that has a name.
Result<void> TreeWalk::enter_attributes(Value value, const Frame& parent) {
  const auto attributes = value.attributes();
  if (!attributes) return {};
  Frame unnamed = parent;
  unnamed.is_named = false;
  return enter(attributes->slot(), unnamed);
}

Result<void> TreeWalk::enter(Slot slot, const Frame& parent) {
  if (frames_.size() >= limits_.max_depth) {
    return with_name(
        Error(ErrorKind::kLimit, Stage::kManifest,
              concat("the object tree is deeper than max_depth, ", limits_.max_depth)));
  }
  if (has_identity(slot.kind)) {
    if (is_open_[slot.payload]) return {};  // inside itself
    is_open_[slot.payload] = true;
    const bool has_keys = is_mapping(slot.kind) || slot.kind == ValueKind::kSet;
    if (has_keys && !is_checked_[slot.payload]) {
      is_checked_[slot.payload] = true;
      auto checked = check_keys(manifest_.graph_, manifest_.graph_.items_of(slot),
                                is_mapping(slot.kind) ? 2 : 1, key_bounds_);
      if (!checked.ok()) return with_name(checked.error());
    }
  }
  Frame frame = parent;
  frame.slot = slot;
  frame.next = 0;
  frame.name_bytes = name_.size();
  frames_.push_back(frame);
  return is_mapping(slot.kind) ? enter_attributes(Value(manifest_.graph_, slot), frame)
                               : Result<void>();
}

Result<void> TreeWalk::charge(std::uint64_t bytes) {
  if (bytes > budget_) {
    return Error(ErrorKind::kLimit, Stage::kManifest,
                 "walking the object tree takes more work than max_walk_ratio allows for a pickle "
                 "of this size: branches of it are shared too often");
  }
  budget_ -= bytes;
  return {};
}

// The work that showing `key` takes beyond its part of the name.
Result<std::uint64_t> TreeWalk::path_bytes(Slot key) {
  if (key.kind == ValueKind::kString || key.kind == ValueKind::kInt) return std::uint64_t{0};
  std::uint64_t bytes = 0;
  std::vector<Slot> open = {key};
  while (!open.empty()) {
    const Slot slot = open.back();
    open.pop_back();
    HARDLOAD_TRY(charge(work_of(slot)));
    bytes += work_of(slot);
    if (is_container(slot.kind)) {
      const auto items = manifest_.graph_.items_of(slot);
      open.insert(open.end(), items.begin(), items.end());
    }
  }
  return bytes;
}

// As str() in Python for the keys that occur; others by their type.
void TreeWalk::append_to_name(Slot key) {
  const Value value(manifest_.graph_, key);
  if (const auto text = value.as_string()) {
    name_ += *text;
  } else if (const auto boolean = value.as_bool()) {
    name_ += *boolean ? "True" : "False";
  } else if (const auto integer = value.as_int()) {
    append(name_, *integer);
  } else if (key.kind == ValueKind::kNone) {
    name_ += "None";
  } else {
    append(name_, "<", python_type_name(key.kind), ">");
  }
}

std::uint32_t TreeWalk::add_step(std::uint32_t parent, Slot key) {
  manifest_.steps_.push_back({parent, key});
  return static_cast<std::uint32_t>(manifest_.steps_.size() - 1);
}

Error TreeWalk::with_name(const Error& error) const {
  Error named(error.kind(), error.stage(),
              concat("at '", std::string_view(name_).substr(0, 500), "': ", error.problem()));
  if (!error.record().empty()) named = std::move(named).in_record(error.record());
  if (error.offset()) named = std::move(named).at(*error.offset());
  return std::move(named).advise(error.advice());
}

}  // namespace hardload
