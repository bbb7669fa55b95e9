#include "loader/pickle/graph_part.h"

namespace hardload {

GraphPart::GraphPart(ValueGraph& whole, std::string& text, const ValueGraph& part, Numbers numbers)
    : text_(text.size()),
      bytes_(whole.bytes.size()),
      items_(whole.items.size()),
      containers_(whole.containers.size()),
      calls_(whole.calls.size()),
      classes_(whole.classes.size()) {
  text += part.text.text();
  whole.bytes.insert(whole.bytes.end(), part.bytes.begin(), part.bytes.end());
  for (const Slot& slot : part.items) whole.items.push_back(moved(slot));
  for (const ValueGraph::Container& container : part.containers) {
    auto& items = whole.containers.emplace_back().items;
    items.reserve(container.items.size());
    for (const Slot& slot : container.items) items.push_back(moved(slot));
  }
  for (const auto& [container, dict] : part.attributes) {
    whole.attributes.emplace(containers_ + container, moved(dict));
  }
  for (ValueGraph::Call call : part.calls) {
    call.arguments = moved(call.arguments);
    if (call.resolved >= 0) {
      call.resolved += call.is_storage() ? numbers.storages : numbers.tensors;
    }
    whole.calls.push_back(call);
  }
  for (const auto& [call, state] : part.states) whole.states.emplace(calls_ + call, moved(state));
  for (ValueGraph::Class named : part.classes) {
    named.name = moved(named.name);
    whole.classes.push_back(named);
  }
}

Slot GraphPart::moved(Slot slot) const {
  switch (slot.kind) {
    case ValueKind::kNone:
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kFloat: break;
    case ValueKind::kBigInt:
    case ValueKind::kString:
    case ValueKind::kDtype:
    case ValueKind::kQScheme:
    case ValueKind::kLayout: slot.payload += text_; break;
    case ValueKind::kBytes:
    case ValueKind::kByteArray: slot.payload += bytes_; break;
    case ValueKind::kComplex:
    case ValueKind::kTuple:
    case ValueKind::kSize:
    case ValueKind::kDevice: slot.payload += items_; break;
    case ValueKind::kList:
    case ValueKind::kSet:
    case ValueKind::kDict:
    case ValueKind::kOrderedDict:
    case ValueKind::kCounter:
    case ValueKind::kInert:
    case ValueKind::kScript: slot.payload += containers_; break;
    case ValueKind::kTensor:
    case ValueKind::kStorage: slot.payload += calls_; break;
    case ValueKind::kClass: slot.payload += classes_; break;
  }
  return slot;
}

}  // namespace hardload
