#include "loader/pickle/script.h"

namespace hardload {
namespace {

Slot new_object(ValueGraph& graph, Slot script_class, Slot state) {
  graph.containers.push_back({{script_class, state}});
  return {ValueKind::kScript, 0, graph.containers.size() - 1};
}

}  // namespace

bool is_script_class(const ValueGraph& graph, Slot slot) {
  return slot.kind == ValueKind::kClass && slot.payload < graph.classes.size() &&
         graph.classes[slot.payload].global.kind == GlobalKind::kScriptClass;
}

Result<Slot> new_script_object(ValueGraph& graph, Slot script_class, Slot arguments) {
  if (arguments.kind != ValueKind::kTuple || arguments.length != 0) {
    return Error(ErrorKind::kPickle, Stage::kPickle,
                 "an object of TorchScript is made with arguments, which LibTorch does not write");
  }
  return new_object(graph, script_class, {});
}

Result<Slot> new_script_enum(ValueGraph& graph, Slot script_class, Slot value) {
  return new_object(graph, script_class, value);
}

Result<void> set_script_state(ValueGraph& graph, Slot object, Slot state) {
  Slot& place = graph.containers[object.payload].items[1];
  if (place.kind != ValueKind::kNone) {
    return Error(ErrorKind::kPickle, Stage::kPickle, "BUILD is applied to one object twice");
  }
  place = state;
  return {};
}

}  // namespace hardload
