// Property: whatever the pickle, the machine ends with a graph in which every reference points at
// something that is there, or with an error; in memory proportional to the pickle.

#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "fuzz/check.h"
#include "fuzz/pickle_mutator.h"
#include "loader/pickle/big_int.h"
#include "loader/pickle/machine.h"

namespace {

using namespace hardload;

fuzz::Milestones<1> milestones({"past the pickle"});

void check_slot(const ValueGraph& graph, Slot slot) {
  const Value value(graph, slot);
  fuzz::check(!python_type_name(slot.kind).empty(), "each kind has a name");
  switch (slot.kind) {
    case ValueKind::kTensor:
    case ValueKind::kStorage:
      fuzz::check(slot.payload < graph.calls.size(), "a call is there");
      break;
    case ValueKind::kClass:
      fuzz::check(slot.payload < graph.classes.size(), "a class is there");
      fuzz::check(value.text().find('\n') != std::string_view::npos, "a class has two names");
      break;
    case ValueKind::kInert:
      fuzz::check(value.part(InertPart::kArguments).kind() == ValueKind::kTuple,
                  "an inert object has arguments");
      break;
    case ValueKind::kScript:
      fuzz::check(value.part(InertPart::kCallable).kind() == ValueKind::kClass,
                  "a script object has a class");
      if (value.is_mapping()) (void)value.find("training");
      break;
    case ValueKind::kBigInt:
      fuzz::check(!big_int_text(value.bytes()).empty(), "an integer has digits");
      break;
    default:
      // Every accessor has to be safe on every value.
      fuzz::check(value.size() <= graph.text.size() + graph.copied, "no container is inflated");
      fuzz::check(value.text().size() <= graph.text.size(), "text comes from the pickle");
      fuzz::check(value.bytes().size() <= graph.text.size(), "bytes come from the pickle");
      if (value.is_mapping()) (void)value.find("state_dict");
  }
}

// Whether `pickle` makes a graph; checks it.
bool check_pickle(const std::uint8_t* data, std::size_t size, Unlisted unlisted, Dialect dialect) {
  auto pickle = Buffer::allocate(size);
  if (size > 0) std::memcpy(pickle->bytes().data(), data, size);
  const auto graph = run_pickle(*std::move(pickle), "data.pkl", {}, unlisted, dialect);
  if (!graph.ok()) {
    fuzz::check(graph.error().offset() <= size, "the error lies inside the pickle");
    return false;
  }
  check_slot(*graph, graph->root);
  for (const Slot slot : graph->items) check_slot(*graph, slot);
  for (const auto& container : graph->containers) {
    for (const Slot slot : container.items) check_slot(*graph, slot);
  }
  for (const auto& [container, slot] : graph->attributes) {
    fuzz::check(container < graph->containers.size(), "attributes are some container's");
    check_slot(*graph, slot);
  }
  for (const auto& [call, slot] : graph->states) {
    fuzz::check(call < graph->calls.size(), "a state is some call's");
    check_slot(*graph, slot);
  }
  for (const auto& call : graph->calls) check_slot(*graph, call.arguments);
  return true;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  const std::string changed =
      fuzz::mutate_pickle(std::string(reinterpret_cast<const char*>(data), size), max_size, random);
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const bool refused = !check_pickle(data, size, Unlisted::kRefuse, Dialect::kPython);
  const bool kept = check_pickle(data, size, Unlisted::kKeepAsData, Dialect::kPython);
  const bool wider = check_pickle(data, size, Unlisted::kRefuse, Dialect::kLibTorch);
  fuzz::check(wider || refused, "LibTorch's dialect only adds names");
  fuzz::check(kept || refused, "what is accepted without unlisted names is accepted with them");
  if (kept) milestones.reach(0);
  return 0;
}
