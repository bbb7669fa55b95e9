#include "loader/pickle/value.h"

#include <bit>

namespace hardload {

std::string_view python_type_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::kNone: return "NoneType";
    case ValueKind::kBool: return "bool";
    case ValueKind::kInt:
    case ValueKind::kBigInt: return "int";
    case ValueKind::kFloat: return "float";
    case ValueKind::kComplex: return "complex";
    case ValueKind::kString: return "str";
    case ValueKind::kBytes: return "bytes";
    case ValueKind::kByteArray: return "bytearray";
    case ValueKind::kList: return "list";
    case ValueKind::kTuple: return "tuple";
    case ValueKind::kSize: return "torch.Size";
    case ValueKind::kSet: return "set";
    case ValueKind::kDict: return "dict";
    case ValueKind::kOrderedDict: return "collections.OrderedDict";
    case ValueKind::kCounter: return "collections.Counter";
    case ValueKind::kDtype: return "torch.dtype";
    case ValueKind::kQScheme: return "torch.qscheme";
    case ValueKind::kLayout: return "torch.layout";
    case ValueKind::kDevice: return "torch.device";
    case ValueKind::kClass: return "type";
    case ValueKind::kInert: return "object";
    case ValueKind::kScript: return "torch.ScriptObject";
    case ValueKind::kTensor: return "torch.Tensor";
    case ValueKind::kStorage: return "torch.storage.TypedStorage";
  }
  return "?";
}

std::string_view ValueGraph::text_of(Slot slot) const {
  if (slot.kind == ValueKind::kClass) slot = classes[slot.payload].name;
  return text.text().substr(slot.payload, slot.length);
}

std::span<const Slot> ValueGraph::items_of(Slot slot) const {
  switch (slot.kind) {
    case ValueKind::kTuple:
    case ValueKind::kSize:
    case ValueKind::kDevice:
    case ValueKind::kComplex: return std::span(items).subspan(slot.payload, slot.length);
    case ValueKind::kList:
    case ValueKind::kSet:
    case ValueKind::kDict:
    case ValueKind::kOrderedDict:
    case ValueKind::kCounter:
    case ValueKind::kInert:
    case ValueKind::kScript: return containers[slot.payload].items;
    default: return {};
  }
}

Slot ValueGraph::state_of(Slot slot) const {
  return slot.kind == ValueKind::kScript ? containers[slot.payload].items[1] : slot;
}

bool Value::is_mapping() const {
  const ValueKind kind = graph_->state_of(slot_).kind;
  return kind == ValueKind::kDict || kind == ValueKind::kOrderedDict || kind == ValueKind::kCounter;
}

bool Value::is_sequence() const {
  return kind() == ValueKind::kList || kind() == ValueKind::kTuple || kind() == ValueKind::kSize;
}

std::optional<bool> Value::as_bool() const {
  if (kind() != ValueKind::kBool) return std::nullopt;
  return slot_.payload != 0;
}

std::optional<std::int64_t> Value::as_int() const {
  if (kind() != ValueKind::kInt && kind() != ValueKind::kBool) return std::nullopt;
  return static_cast<std::int64_t>(slot_.payload);
}

std::optional<double> Value::as_float() const {
  if (kind() == ValueKind::kFloat) return std::bit_cast<double>(slot_.payload);
  if (const auto integer = as_int()) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<std::string_view> Value::as_string() const {
  if (kind() != ValueKind::kString) return std::nullopt;
  return text();
}

std::string_view Value::text() const {
  switch (kind()) {
    case ValueKind::kString:
    case ValueKind::kDtype:
    case ValueKind::kQScheme:
    case ValueKind::kLayout:
    case ValueKind::kClass: return graph_->text_of(slot_);
    default: return {};
  }
}

std::span<const std::byte> Value::bytes() const {
  switch (kind()) {
    case ValueKind::kBytes:
    case ValueKind::kByteArray:
      return std::span(graph_->bytes).subspan(slot_.payload, slot_.length);
    case ValueKind::kBigInt: return graph_->text.bytes().subspan(slot_.payload, slot_.length);
    default: return {};
  }
}

double Value::real() const { return item(0).as_float().value_or(0); }
double Value::imaginary() const { return item(1).as_float().value_or(0); }

std::size_t Value::size() const {
  const bool mapping = is_mapping();
  if (kind() == ValueKind::kInert || (kind() == ValueKind::kScript && !mapping)) return 0;
  const std::size_t slots = graph_->items_of(graph_->state_of(slot_)).size();
  return mapping ? slots / 2 : slots;
}

Value Value::item(std::size_t i) const {
  return Value(*graph_, graph_->items_of(graph_->state_of(slot_))[is_mapping() ? 2 * i + 1 : i]);
}

Value Value::key(std::size_t i) const {
  return Value(*graph_, graph_->items_of(graph_->state_of(slot_))[2 * i]);
}

std::optional<Value> Value::find(std::string_view wanted) const {
  if (!is_mapping()) return std::nullopt;
  for (std::size_t i = 0; i < size(); ++i) {
    if (key(i).as_string() == wanted) return item(i);
  }
  return std::nullopt;
}

std::optional<Value> Value::attributes() const {
  if (kind() == ValueKind::kTensor) {
    const auto given = state();
    if (!given || given->kind() == ValueKind::kDict) return given;
    const Value dict = given->item(0);
    return dict.kind() == ValueKind::kDict ? std::optional(dict) : std::nullopt;
  }
  if (!is_mapping()) return std::nullopt;
  const auto found = graph_->attributes.find(slot_.payload);
  return found == graph_->attributes.end() ? std::nullopt
                                           : std::optional(Value(*graph_, found->second));
}

// The fourth argument of the two functions that take one.
std::optional<Value> Value::state() const {
  if (kind() != ValueKind::kTensor) return std::nullopt;
  const ValueGraph::Call& call = graph_->calls[slot_.payload];
  const bool has_state = call.constructor == Constructor::kRebuildFromTypeV2 ||
                         call.constructor == Constructor::kRebuildParameterWithState;
  const auto arguments = graph_->items_of(call.arguments);
  if (!has_state || arguments.size() != 4) return std::nullopt;
  const Value given(*graph_, arguments[3]);
  const bool is_pair = given.kind() == ValueKind::kTuple && given.size() == 2;
  return is_pair || given.kind() == ValueKind::kDict ? std::optional(given) : std::nullopt;
}

Value Value::part(InertPart part) const {
  if (kind() == ValueKind::kScript) {
    const auto items = graph_->items_of(slot_);
    if (part == InertPart::kCallable) return Value(*graph_, items[0]);
    return Value(*graph_, part == InertPart::kState ? items[1] : Slot{});
  }
  if (kind() != ValueKind::kInert) return Value(*graph_, Slot{});
  return Value(*graph_, graph_->items_of(slot_)[static_cast<std::size_t>(part)]);
}

std::size_t Value::number() const {
  return static_cast<std::size_t>(graph_->calls[slot_.payload].resolved);
}

}  // namespace hardload
