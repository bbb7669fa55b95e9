#include "loader/cli/losses.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/cli/element_transform.h"
#include "loader/cli/json_writer.h"
#include "loader/cli/value_json.h"
#include "loader/container/safetensors_writer.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

void add(Loss& loss, std::string example) {
  if (++loss.count <= Loss::kMostExamples) loss.examples.push_back(std::move(example));
}

void add_name(Loss& loss, std::string_view name) { add(loss, concat("'", name, "'")); }

void append_key(std::string& name, Value key) {
  if (key.kind() == ValueKind::kString) {
    name += key.text();
  } else if (const auto number = key.as_int()) {
    append(name, *number);
  } else {
    append(name, "<", python_type_name(key.kind()), ">");
  }
}

// The beginning of a value, as JSON.
std::string brief(const Manifest& manifest, Value value) {
  constexpr std::size_t kMost = 60;
  std::string text;
  JsonWriter json([&](std::string_view part) {
    text += part.substr(0, std::min(part.size(), 2 * kMost - std::min(text.size(), 2 * kMost)));
  });
  write_value(json, manifest, value);
  json.flush();
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

// state_dict()'s own: {"fc": {"version": 1}}.
bool are_versions(Value value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Value module = value.item(i);
    const bool plain = module.kind() == ValueKind::kDict && module.size() <= 1 &&
                       (module.size() == 0 || (module.key(0).as_string() == "version" &&
                                               module.item(0).kind() == ValueKind::kInt));
    if (!plain) return false;
  }
  return value.is_mapping();
}

// What stands beside the tensors in the tree.
class ValueWalk {
 public:
  ValueWalk(const Manifest& manifest, Loss& values, Loss& attributes)
      : manifest_(manifest), values_(values), attributes_(attributes) {}

  void run() {
    visit(manifest_.root(), /*is_root=*/true);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.next == frame.value.size()) {
        if (has_identity(frame.value)) open_.erase(frame.value.identity());
        frames_.pop_back();
        continue;
      }
      const std::size_t i = frame.next++;
      const Value value = frame.value;
      name_.resize(frame.name_bytes);
      if (frame.name_bytes != 0) name_ += '.';
      if (value.is_mapping()) {
        append_key(name_, value.key(i));
      } else {
        append(name_, i);
      }
      visit(value.item(i), /*is_root=*/false);  // may move the frame
    }
  }

 private:
  struct Frame {
    Value value;
    std::size_t next, name_bytes;
  };

  void visit(Value value, bool is_root) {
    if (value.kind() == ValueKind::kTensor) {
      const auto attributes = value.attributes();
      if (attributes && attributes->size() > 0) note(attributes_, *attributes);
      return;
    }
    const bool is_container =
        value.is_mapping() || value.is_sequence() || value.kind() == ValueKind::kSet;
    if (!is_container || (value.size() == 0 && !is_root)) return note(values_, value);
    if (has_identity(value) && !open_.insert(value.identity()).second) return note(values_, value);
    if (value.is_mapping()) visit_attributes(value);
    frames_.push_back({value, 0, name_.size()});
  }

  void visit_attributes(Value mapping) {
    const auto attributes = mapping.attributes();
    if (!attributes || attributes->size() == 0) return;
    const bool are_usual = attributes->size() == 1 &&
                           attributes->key(0).as_string() == "_metadata" &&
                           are_versions(attributes->item(0));
    if (!are_usual) note(attributes_, *attributes);
  }

  void note(Loss& loss, Value value) {
    if (loss.count >= Loss::kMostExamples) {
      ++loss.count;
    } else {
      add(loss, concat(name_.empty() ? "the root" : name_, ": ", brief(manifest_, value)));
    }
  }

  const Manifest& manifest_;
  Loss& values_;
  Loss& attributes_;
  std::string name_;
  std::vector<Frame> frames_;
  std::unordered_set<std::uint64_t> open_;  // containers among the frames
};

// The bytes from the first element of `tensor` to the end of its last, and whether it has gaps
// between them.
struct Extent {
  std::uint64_t begin, end;
  bool has_gaps;
};

Extent extent_of(const Manifest& manifest, const TensorSpec& tensor) {
  const std::uint64_t item = item_bytes(tensor.dtype);
  std::uint64_t last = static_cast<std::uint64_t>(tensor.offset), distinct = 1;
  const auto shape = manifest.shape(tensor), strides = manifest.strides(tensor);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1 || strides[i] == 0) continue;
    last += static_cast<std::uint64_t>(shape[i] - 1) * static_cast<std::uint64_t>(strides[i]);
    distinct *= static_cast<std::uint64_t>(shape[i]);
  }
  const std::uint64_t begin = static_cast<std::uint64_t>(tensor.offset) * item;
  return {begin, (last + 1) * item,
          distinct < last + 1 - static_cast<std::uint64_t>(tensor.offset)};
}

class SafetensorsLosses {
 public:
  explicit SafetensorsLosses(const Manifest& manifest) : manifest_(manifest) {}

  std::vector<Loss> run() {
    for (const NamedTensor& named : manifest_.named_tensors()) ++uses_[storage_of(named)];
    for (const NamedTensor& named : manifest_.named_tensors()) check(named);
    check_unseen();
    ValueWalk(manifest_, values_, attributes_).run();
    return {unfit_,  nameless_, repeated_,  shared_, views_,     unseen_,
            nested_, keys_,     gradients_, values_, attributes_};
  }

 private:
  std::uint32_t storage_of(const NamedTensor& named) const {
    return manifest_.tensors()[named.tensor].storage;
  }

  void check(const NamedTensor& named) {
    const TensorSpec& tensor = manifest_.tensors()[named.tensor];
    const std::string name(manifest_.name(named));
    check_name(named, name);
    if (tensor.is_parameter || tensor.requires_grad) add_name(gradients_, name);
    if (tensor.is_sparse() || tensor.is_meta() || !safetensors_dtype(tensor.dtype) ||
        !ElementTransform::of(tensor).ok() ||
        (tensor.dtype == Dtype::kFloat4E2M1FNX2 && tensor.rank == 0)) {
      const std::string_view kind = tensor.is_sparse() ? to_string(tensor.layout)
                                    : tensor.is_meta() ? "on the meta device, without data"
                                                       : to_string(tensor.dtype);
      return add(unfit_, concat("'", name, "' (", kind, ")"));
    }
    if (tensor.numel == 0) return;
    if (uses_[tensor.storage] > 1) add_name(shared_, name);
    if (tensor.is_conj || tensor.is_neg ||
        !is_contiguous(manifest_.shape(tensor), manifest_.strides(tensor))) {
      add_name(views_, name);
    }
  }

  void check_name(const NamedTensor& named, const std::string& name) {
    const std::vector<Value> path = manifest_.path(named);
    if (path.empty() || name == "__metadata__" || !is_utf8(name, /*allow_surrogates=*/false)) {
      add(nameless_, path.empty() ? "the lone tensor" : concat("'", name, "'"));
    }
    if (!names_.insert(name).second) add_name(repeated_, name);
    if (path.size() > 1) add_name(nested_, name);
    const bool has_others = std::any_of(path.begin(), path.end(), [](const Value& key) {
      return key.kind() != ValueKind::kString;
    });
    if (has_others) add_name(keys_, name);
  }

  // Storages with bytes that no tensor sees, as far as can be told cheaply: what lies between the
  // elements of one view counts as unseen, though another one might fill it.
  void check_unseen() {
    std::vector<std::vector<Extent>> extents(manifest_.storages().size());
    std::vector<std::string> examples(extents.size());
    for (const NamedTensor& named : manifest_.named_tensors()) {
      const TensorSpec& tensor = manifest_.tensors()[named.tensor];
      if (tensor.storage == TensorSpec::kNoStorage || tensor.is_quantized()) continue;
      if (examples[tensor.storage].empty()) examples[tensor.storage] = manifest_.name(named);
      if (tensor.numel == 0) continue;
      const Extent extent = extent_of(manifest_, tensor);
      if (!extent.has_gaps) extents[tensor.storage].push_back(extent);
    }
    for (std::size_t i = 0; i < extents.size(); ++i) {
      const std::uint64_t bytes = manifest_.storages()[i].bytes;
      std::sort(extents[i].begin(), extents[i].end(),
                [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
      std::uint64_t seen = 0;
      for (const Extent& extent : extents[i]) {
        if (extent.begin > seen) break;
        seen = std::max(seen, extent.end);
      }
      if (seen < bytes && !examples[i].empty()) {
        add(unseen_, concat("that of '", examples[i], "'"));
      }
    }
  }

  const Manifest& manifest_;
  std::unordered_map<std::uint32_t, std::uint64_t> uses_;  // names by storage
  std::unordered_set<std::string> names_;
  Loss unfit_{"tensors that safetensors cannot hold",
              "Convert them to dense tensors of another dtype, or convert to torch."};
  Loss nameless_{"tensors whose names safetensors cannot hold", "Rename them before saving."};
  Loss repeated_{"tensors whose names are those of others, once keys are joined by '.'",
                 "Rename them before saving."};
  Loss shared_{"tensors that share memory, and become copies"};
  Loss views_{
      "tensors whose elements lie in another order, or are conjugated or negated views, and "
      "become contiguous"};
  Loss unseen_{"storages of which no tensor shows some bytes, which are dropped"};
  Loss nested_{"tensors inside of other containers, whose keys are joined by '.'"};
  Loss keys_{"tensors under keys that are no text, and become text"};
  Loss gradients_{"parameters and tensors that require a gradient, and become plain tensors"};
  Loss values_{"plain values, which are dropped"};
  Loss attributes_{"sets of attributes of Python objects, which are dropped"};
};

// Records that nothing refers to; those of torch.save itself are known.
Loss unused_records(const Manifest& manifest) {
  Loss loss{"records of the archive that no tensor uses, which are dropped"};
  const Format format = manifest.container().format();
  if (format != Format::kTorchZip && format != Format::kTorchScript && format != Format::kPt2) {
    return loss;
  }
  std::unordered_set<const Record*> used;
  for (const StorageSpec& storage : manifest.storages()) used.insert(storage.record);
  const bool is_sharded = !manifest.container().shards().empty();
  for (const Record& record : manifest.container().records()) {
    // Of a shard the file's name comes first.
    std::string_view name = record.name.substr(record.name.find('/') + 1);
    if (is_sharded) name = name.substr(name.find('/') + 1);
    const bool is_known =
        name == "data.pkl" || name == "version" || name == "byteorder" ||
        name == ".format_version" || name == ".storage_alignment" || name == ".data/version" ||
        name == ".data/serialization_id" || name == "archive_format" || name == "archive_version" ||
        name.ends_with("_weights_config.json") || (record.bytes == 0 && name.ends_with('/'));
    if (!is_known && !used.contains(&record)) add_name(loss, record.name);
  }
  return loss;
}

Loss following_checkpoints(const Manifest& manifest) {
  Loss loss{"bytes of other checkpoints behind this one, which are dropped"};
  if (const std::uint64_t bytes = manifest.container().following()) add_name(loss, concat(bytes));
  return loss;
}

Loss dropped_metadata(const Manifest& manifest) {
  Loss loss{"texts of __metadata__, which are dropped"};
  for (const MetadataEntry& entry : manifest.container().metadata()) {
    if (entry.key != "format" || entry.value != "pt") add_name(loss, entry.key);
  }
  return loss;
}

}  // namespace

std::vector<Loss> find_losses(const Manifest& manifest, Format to) {
  std::vector<Loss> losses;
  if (to == Format::kSafetensors) {
    losses = SafetensorsLosses(manifest).run();
  } else {
    losses.push_back(dropped_metadata(manifest));
  }
  losses.push_back(unused_records(manifest));
  losses.push_back(following_checkpoints(manifest));
  losses.erase(std::remove_if(losses.begin(), losses.end(),
                              [](const Loss& loss) { return loss.count == 0; }),
               losses.end());
  return losses;
}

std::string loss_text(const Loss& loss) {
  std::string text = concat(loss.what, " (", loss.count, "): ");
  for (std::size_t i = 0; i < loss.examples.size(); ++i) {
    append(text, i == 0 ? "" : ", ", loss.examples[i]);
  }
  if (loss.count > loss.examples.size()) text += ", ...";
  return text;
}

}  // namespace hardload
