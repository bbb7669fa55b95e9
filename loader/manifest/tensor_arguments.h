// What TensorTable's parts share: the arguments of torch's rebuild functions.
#pragma once

#include <string>
#include <utility>

#include "loader/base/result.h"
#include "loader/pickle/value.h"

namespace hardload {

inline Error wrong_layout(std::string problem) {
  return Error(ErrorKind::kLayout, Stage::kManifest, std::move(problem));
}

inline Error wrong_arguments() {
  return wrong_layout("the tensor is rebuilt with arguments that torch.save does not write");
}

inline bool is_bool(Slot slot) { return slot.kind == ValueKind::kBool; }

// Backward hooks: an empty OrderedDict, or None in old files.
inline bool are_no_hooks(const ValueGraph& graph, Slot hooks) {
  return hooks.kind == ValueKind::kNone ||
         (hooks.kind == ValueKind::kOrderedDict && graph.items_of(hooks).empty());
}

}  // namespace hardload
