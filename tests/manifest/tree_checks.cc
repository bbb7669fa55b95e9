#include "tests/manifest/tree_checks.h"

#include <cstddef>
#include <set>
#include <vector>

#include "loader/base/text.h"

namespace hardload::testing {
namespace {

bool has_items(const Value& value) {
  return value.is_mapping() || value.is_sequence() || value.kind() == ValueKind::kSet;
}

bool is_container(const Value& value) {
  return has_items(value) || value.kind() == ValueKind::kScript;
}

// Tuples are not told apart from their content, so none is ever inside itself.
bool has_identity(const Value& value) {
  return is_container(value) && value.kind() != ValueKind::kTuple &&
         value.kind() != ValueKind::kSize;
}

// As str() in Python for the keys of state dicts.
std::string text_of(const Value& key) {
  switch (key.kind()) {
    case ValueKind::kString: return std::string(key.text());
    case ValueKind::kInt: return concat(*key.as_int());
    case ValueKind::kBool: return *key.as_bool() ? "True" : "False";
    case ValueKind::kNone: return "None";
    default: return concat("<", python_type_name(key.kind()), ">");
  }
}

// Walks the tree and compares each tensor that it meets with the next named tensor.
class NameCheck {
 public:
  explicit NameCheck(const Manifest& manifest) : manifest_(manifest) {}

  std::string run() {
    enter(manifest_.root(), /*has_step=*/false);
    while (!frames_.empty()) {
      if (!problem_.empty()) return problem_;
      if (frames_.back().next == children(frames_.back().value)) {
        leave();
      } else {
        step();
      }
    }
    const std::size_t named = manifest_.named_tensors().size();
    if (!problem_.empty() || found_ == named) return problem_;
    return concat(named, " tensors are named, but the tree has ", found_);
  }

 private:
  struct Frame {
    Value value;
    std::size_t next;
    bool has_step;  // of path_: the root has none, and what a script object's class saved
  };
  struct Step {
    Slot key;
    std::string text;
  };

  static std::size_t children(const Value& value) {
    return value.kind() == ValueKind::kScript ? 1 : value.size();
  }

  void step() {
    Frame& frame = frames_.back();
    const std::size_t i = frame.next++;
    if (frame.value.kind() == ValueKind::kScript) {
      enter(frame.value.part(InertPart::kState), /*has_step=*/false);
      return;
    }
    if (frame.value.is_mapping()) {
      path_.push_back({frame.value.key(i).slot(), text_of(frame.value.key(i))});
    } else {
      path_.push_back({{ValueKind::kInt, 0, i}, concat(i)});
    }
    if (!enter(frame.value.item(i), /*has_step=*/true)) path_.pop_back();
  }

  // Opens `value`, to which path_ leads, if it is a container that is not open already.
  bool enter(const Value& value, bool has_step) {
    if (value.kind() == ValueKind::kTensor) check(value);
    if (!is_container(value)) return false;
    if (has_identity(value) && !open_.insert(value.identity()).second) return false;
    frames_.push_back({value, 0, has_step});
    return true;
  }

  void leave() {
    if (has_identity(frames_.back().value)) open_.erase(frames_.back().value.identity());
    if (frames_.back().has_step) path_.pop_back();
    frames_.pop_back();
  }

  void check(const Value& tensor) {
    std::string name;
    for (const Step& step : path_) append(name, &step == &path_.front() ? "" : ".", step.text);
    if (found_ == manifest_.named_tensors().size()) {
      problem_ = concat("the tensor at '", name, "' is not named");
      return;
    }
    const NamedTensor& named = manifest_.named_tensors()[found_++];
    if (manifest_.name(named) != name) {
      problem_ = concat("'", manifest_.name(named), "' should be '", name, "'");
    } else if (named.tensor != tensor.number()) {
      problem_ = concat("'", name, "' names another tensor");
    } else if (!leads_here(manifest_.path(named))) {
      problem_ = concat("the path of '", name, "' leads elsewhere");
    }
  }

  bool leads_here(const std::vector<Value>& keys) const {
    if (keys.size() != path_.size()) return false;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Slot a = keys[i].slot(), b = path_[i].key;
      if (a.kind != b.kind || a.length != b.length || a.payload != b.payload) return false;
    }
    return true;
  }

  const Manifest& manifest_;
  std::vector<Frame> frames_;
  std::vector<Step> path_;      // to the container in the last frame
  std::set<std::size_t> open_;  // identities of the containers in frames_
  std::size_t found_ = 0;       // tensors met so far
  std::string problem_;
};

}  // namespace

std::string check_numbers(const Manifest& manifest) {
  std::vector<Value> open = {manifest.root()};
  std::set<std::size_t> seen;  // identities
  while (!open.empty()) {
    const Value value = open.back();
    open.pop_back();
    if (value.kind() == ValueKind::kTensor && value.number() >= manifest.tensors().size()) {
      return "a tensor in the tree is none of the manifest's";
    }
    if (value.kind() == ValueKind::kStorage && value.number() >= manifest.storages().size()) {
      return "a storage in the tree is none of the manifest's";
    }
    if (value.kind() == ValueKind::kScript) open.push_back(value.part(InertPart::kState));
    if (!has_items(value)) continue;
    if (has_identity(value) && !seen.insert(value.identity()).second) continue;
    for (std::size_t i = 0; i < value.size(); ++i) {
      open.push_back(value.item(i));
      if (value.is_mapping()) open.push_back(value.key(i));
    }
    if (const auto attributes = value.attributes()) open.push_back(*attributes);
  }
  return "";
}

std::string check_names(const Manifest& manifest) { return NameCheck(manifest).run(); }

}  // namespace hardload::testing
