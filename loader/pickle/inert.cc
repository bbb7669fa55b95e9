#include "loader/pickle/inert.h"

namespace hardload {
namespace {

// The list or dict that part `part` of `object` is, made where there is none yet. Valid until a
// container is added.
std::vector<Slot>& contents(ValueGraph& graph, Slot object, InertPart part, ValueKind kind) {
  const auto index = static_cast<std::size_t>(part);
  if (graph.containers[object.payload].items[index].kind == ValueKind::kNone) {
    graph.containers.emplace_back();
    graph.containers[object.payload].items[index] = {kind, 0, graph.containers.size() - 1};
  }
  return graph.containers[graph.containers[object.payload].items[index].payload].items;
}

}  // namespace

bool is_inert(const ValueGraph& graph, Slot slot) {
  if (slot.kind != ValueKind::kClass) return slot.kind == ValueKind::kInert;
  const GlobalKind kind = graph.classes[slot.payload].global.kind;
  return kind == GlobalKind::kUnlisted || kind == GlobalKind::kDataclass;
}

Slot new_inert(ValueGraph& graph, Slot callable, Slot arguments) {
  graph.containers.push_back({{callable, arguments, Slot{}, Slot{}, Slot{}}});
  return {ValueKind::kInert, 0, graph.containers.size() - 1};
}

Result<void> set_inert_state(ValueGraph& graph, Slot object, Slot state) {
  Slot& place = graph.containers[object.payload].items[static_cast<std::size_t>(InertPart::kState)];
  if (place.kind != ValueKind::kNone) {
    return Error(ErrorKind::kPickle, Stage::kPickle, "BUILD is applied to one object twice");
  }
  place = state;
  return {};
}

void append_to_inert(ValueGraph& graph, Slot object, std::span<const Slot> items) {
  auto& list = contents(graph, object, InertPart::kItems, ValueKind::kList);
  list.insert(list.end(), items.begin(), items.end());
}

void set_in_inert(ValueGraph& graph, Slot object, std::span<const Slot> entries) {
  auto& dict = contents(graph, object, InertPart::kEntries, ValueKind::kDict);
  dict.insert(dict.end(), entries.begin(), entries.end());
}

}  // namespace hardload
