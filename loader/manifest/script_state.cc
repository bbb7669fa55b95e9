#include "loader/manifest/script_state.h"

#include <unordered_set>
#include <utility>

namespace hardload {
namespace {

struct Frame {
  Value object;
  std::size_t next;
  std::size_t prefix_bytes;  // of the names of its attributes
};

}  // namespace

std::vector<ScriptTensor> script_state(Value module) {
  std::vector<ScriptTensor> tensors;
  std::string name;
  std::vector<Frame> open = {{module, 0, 0}};
  // Of the dicts of the attributes, which are what the walk of the tree does not enter twice.
  const auto identity = [](const Value& object) {
    return object.part(InertPart::kState).identity();
  };
  std::unordered_set<std::size_t> identities = {identity(module)};
  while (!open.empty()) {
    Frame& frame = open.back();
    if (frame.next == frame.object.size()) {
      identities.erase(identity(frame.object));
      open.pop_back();
      continue;
    }
    const std::size_t i = frame.next++;
    const Value child = frame.object.item(i);
    const auto key = frame.object.key(i).as_string();
    if (!key) continue;  // no attribute: a dict that the class's own __getstate__ gave
    name.resize(frame.prefix_bytes);
    name += *key;
    if (child.kind() == ValueKind::kTensor) tensors.push_back({name, child});
    const bool is_module = child.kind() == ValueKind::kScript && child.is_mapping();
    if (is_module && identities.insert(identity(child)).second) {
      name += '.';
      open.push_back({child, 0, name.size()});
    }
  }
  return tensors;
}

}  // namespace hardload
