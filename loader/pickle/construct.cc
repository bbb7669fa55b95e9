#include "loader/pickle/construct.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include "loader/base/text.h"
#include "loader/base/utf8.h"

namespace hardload {
namespace {

using Arguments = std::span<const Slot>;

// c10/core/Layout.h
constexpr std::string_view kLayouts[] = {"torch.strided",    "torch.sparse_coo", "torch.sparse_csr",
                                         "torch.sparse_csc", "torch.sparse_bsr", "torch.sparse_bsc",
                                         "torch._mkldnn",    "torch.jagged"};

// c10/core/DeviceType.cpp. A backend of one's own is written under the name that it was given; it
// is refused here, as torch refuses it where it is not registered.
constexpr std::string_view kDeviceTypes[] = {
    "cpu", "cuda", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve",  "fpga", "maia",
    "xla", "lazy", "vulkan", "ipu",    "mps",    "meta",  "hpu", "xpu", "mtia", "privateuseone"};

Error wrong_arguments(std::string_view name) {
  return Error(ErrorKind::kPickle, Stage::kPickle,
               concat(name, " is called with arguments that torch.save does not write"));
}

// Python's pickler makes each list that it hands to a constructor for that call alone, so all
// copies together are no larger than the pickle. A list that is remembered and copied again and
// again is a bomb.
Result<void> charge_copy(ValueGraph& graph, std::uint64_t count) {
  graph.copied += count;
  if (graph.copied <= graph.text.size()) return {};
  return Error(ErrorKind::kLimit, Stage::kPickle,
               "constructors copy more items than the pickle has bytes");
}

Slot new_container(ValueGraph& graph, ValueKind kind, std::vector<Slot> items = {}) {
  graph.containers.push_back({std::move(items)});
  return {.kind = kind, .payload = graph.containers.size() - 1};
}

// The items of the one argument, a list or tuple.
bool is_sequence(const Slot& slot) {
  return slot.kind == ValueKind::kList || slot.kind == ValueKind::kTuple;
}

// OrderedDict(), or Python 2's OrderedDict([[key, value], ...]).
Result<Slot> ordered_dict(ValueGraph& graph, Arguments arguments) {
  if (arguments.empty()) return new_container(graph, ValueKind::kOrderedDict);
  if (arguments.size() != 1 || !is_sequence(arguments[0])) return wrong_arguments("OrderedDict");
  HARDLOAD_TRY(charge_copy(graph, 2 * graph.items_of(arguments[0]).size()));
  std::vector<Slot> entries;
  for (const Slot& pair : graph.items_of(arguments[0])) {
    const auto items = is_sequence(pair) ? graph.items_of(pair) : Arguments();
    if (items.size() != 2) return wrong_arguments("OrderedDict");
    entries.insert(entries.end(), items.begin(), items.end());
  }
  return new_container(graph, ValueKind::kOrderedDict, std::move(entries));
}

// Counter(), or Counter({key: count, ...}).
Result<Slot> counter(ValueGraph& graph, Arguments arguments) {
  if (arguments.empty()) return new_container(graph, ValueKind::kCounter);
  if (arguments.size() != 1 || arguments[0].kind != ValueKind::kDict) {
    return wrong_arguments("Counter");
  }
  HARDLOAD_TRY(charge_copy(graph, graph.items_of(arguments[0]).size()));
  return new_container(graph, ValueKind::kCounter, graph.containers[arguments[0].payload].items);
}

// set(), or set([item, ...]).
Result<Slot> set(ValueGraph& graph, Arguments arguments) {
  if (arguments.empty()) return new_container(graph, ValueKind::kSet);
  if (arguments.size() != 1 || !is_sequence(arguments[0])) return wrong_arguments("set");
  const auto items = graph.items_of(arguments[0]);
  HARDLOAD_TRY(charge_copy(graph, items.size()));
  return new_container(graph, ValueKind::kSet, {items.begin(), items.end()});
}

// _codecs.encode(text, 'latin1'): protocol 2 writes bytes as the text whose code points they are.
Result<Slot> encode(ValueGraph& graph, Arguments arguments) {
  const bool latin1 =
      arguments.size() == 2 && arguments[0].kind == ValueKind::kString &&
      arguments[1].kind == ValueKind::kString &&
      (graph.text_of(arguments[1]) == "latin1" || graph.text_of(arguments[1]) == "latin-1");
  if (!latin1) return wrong_arguments("_codecs.encode");
  std::string_view text = graph.text_of(arguments[0]);
  HARDLOAD_TRY(charge_copy(graph, text.size()));
  Slot slot{.kind = ValueKind::kBytes, .payload = graph.bytes.size()};
  while (!text.empty()) {
    const auto next = decode_utf8(text);
    if (!next || next->code > 0xFF) return wrong_arguments("_codecs.encode");
    graph.bytes.push_back(static_cast<std::byte>(next->code));
    ++slot.length;
    text.remove_prefix(next->length);
  }
  return slot;
}

// bytearray(), bytearray(bytes), bytearray(text, 'latin-1'). Not bytearray(n): a number would ask
// for memory that the file does not justify.
Result<Slot> byte_array(ValueGraph& graph, Arguments arguments) {
  Slot slot;
  if (arguments.size() == 1 && arguments[0].kind == ValueKind::kBytes) {
    slot = arguments[0];
  } else if (!arguments.empty()) {
    HARDLOAD_ASSIGN(slot, encode(graph, arguments));
  }
  slot.kind = ValueKind::kByteArray;
  // Python has each byte, and no bytes, once; arrays of them are objects of their own all the same,
  // told from each other by where they lie.
  if (slot.length < 2) {
    HARDLOAD_TRY(charge_copy(graph, 1));
    const std::byte content = slot.length == 0 ? std::byte{} : graph.bytes[slot.payload];
    slot.payload = graph.bytes.size();
    graph.bytes.push_back(content);
  }
  return slot;
}

Result<Slot> complex_number(Slot arguments, Arguments parts) {
  if (parts.size() != 2 || parts[0].kind != ValueKind::kFloat ||
      parts[1].kind != ValueKind::kFloat) {
    return wrong_arguments("complex");
  }
  arguments.kind = ValueKind::kComplex;
  return arguments;
}

// torch.Size((2, 3))
Result<Slot> torch_size(const ValueGraph& graph, Arguments arguments) {
  if (arguments.size() != 1 || arguments[0].kind != ValueKind::kTuple) {
    return wrong_arguments("torch.Size");
  }
  for (const Slot& item : graph.items_of(arguments[0])) {
    if (item.kind != ValueKind::kInt) return wrong_arguments("torch.Size");
  }
  Slot slot = arguments[0];
  slot.kind = ValueKind::kSize;
  return slot;
}

// torch.device('cuda:1'), as LibTorch writes it: the same as torch.device('cuda', 1).
Result<Slot> device_of_text(ValueGraph& graph, Slot slot) {
  const std::string_view text = graph.text_of(slot);
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view digits = text.substr(std::min(colon + 1, text.size()));
  std::int8_t index = 0;  // as c10::DeviceIndex is
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool indexed = fault == std::errc() && end == digits.data() + digits.size() && index >= 0;
  if (!is_device_type(text.substr(0, colon)) || (colon != text.size() && !indexed)) {
    return wrong_arguments("torch.device");
  }
  const Slot device{ValueKind::kDevice, indexed ? 2u : 1u, graph.items.size()};
  slot.length = static_cast<std::uint32_t>(colon);
  graph.items.push_back(slot);
  if (indexed) {
    graph.items.push_back({ValueKind::kInt, 0, static_cast<std::uint64_t>(index)});
  }
  return device;
}

// torch.device('cuda', 1)
Result<Slot> torch_device(ValueGraph& graph, Slot arguments, Arguments parts) {
  if (graph.dialect == Dialect::kLibTorch && parts.size() == 1 &&
      parts[0].kind == ValueKind::kString) {
    return device_of_text(graph, parts[0]);
  }
  const bool typed = !parts.empty() && parts[0].kind == ValueKind::kString &&
                     is_device_type(graph.text_of(parts[0]));
  const bool indexed = parts.size() == 2 && parts[1].kind == ValueKind::kInt &&
                       static_cast<std::int64_t>(parts[1].payload) >= 0;
  if (!typed || (parts.size() != 1 && !indexed)) return wrong_arguments("torch.device");
  arguments.kind = ValueKind::kDevice;
  return arguments;
}

// torch.serialization._get_layout('torch.strided')
Result<Slot> layout(const ValueGraph& graph, Arguments arguments) {
  const bool named = arguments.size() == 1 && arguments[0].kind == ValueKind::kString &&
                     is_layout(graph.text_of(arguments[0]));
  if (!named) return wrong_arguments("_get_layout");
  Slot slot = arguments[0];
  slot.kind = ValueKind::kLayout;
  return slot;
}

// build_intlist([1, 2]): the list itself.
Result<Slot> typed_list(Arguments arguments) {
  if (arguments.size() != 1 || arguments[0].kind != ValueKind::kList) {
    return wrong_arguments("build_intlist or the like");
  }
  return arguments[0];
}

// restore_type_tag({'a': 1}, 'Dict[str, int]'): the value itself. LibTorch needs the type where it
// makes typed containers; what is in them has its own.
Result<Slot> without_type_tag(Arguments arguments) {
  if (arguments.size() != 2 || arguments[1].kind != ValueKind::kString) {
    return wrong_arguments("restore_type_tag");
  }
  return arguments[0];
}

Slot new_call(ValueGraph& graph, Constructor constructor, Slot arguments) {
  graph.calls.push_back({.constructor = constructor, .arguments = arguments});
  return {.kind = ValueKind::kTensor, .payload = graph.calls.size() - 1};
}

}  // namespace

bool is_device_type(std::string_view type) {
  return std::find(std::begin(kDeviceTypes), std::end(kDeviceTypes), type) !=
         std::end(kDeviceTypes);
}

bool is_layout(std::string_view name) {
  return std::find(std::begin(kLayouts), std::end(kLayouts), name) != std::end(kLayouts);
}

Result<Slot> construct(ValueGraph& graph, Constructor constructor, Slot arguments) {
  const Arguments parts = graph.items_of(arguments);
  switch (constructor) {
    case Constructor::kOrderedDict: return ordered_dict(graph, parts);
    case Constructor::kCounter: return counter(graph, parts);
    case Constructor::kSet: return set(graph, parts);
    case Constructor::kBytes:
      if (!parts.empty()) return wrong_arguments("bytes");
      return Slot{.kind = ValueKind::kBytes};
    case Constructor::kByteArray: return byte_array(graph, parts);
    case Constructor::kEncode: return encode(graph, parts);
    case Constructor::kComplex: return complex_number(arguments, parts);
    case Constructor::kSize: return torch_size(graph, parts);
    case Constructor::kDevice: return torch_device(graph, arguments, parts);
    case Constructor::kGetLayout: return layout(graph, parts);
    case Constructor::kTypedList: return typed_list(parts);
    case Constructor::kTypeTag: return without_type_tag(parts);
    default: return new_call(graph, constructor, arguments);
  }
}

Result<Slot> construct_new(ValueGraph& graph, Constructor constructor, Slot arguments) {
  switch (constructor) {
    case Constructor::kOrderedDict:
    case Constructor::kCounter:
    case Constructor::kSet:
      if (!graph.items_of(arguments).empty()) break;
      return construct(graph, constructor, arguments);
    case Constructor::kTensorClass:
    case Constructor::kParameter: return construct(graph, constructor, arguments);
    default: break;
  }
  return Error(ErrorKind::kPickle, Stage::kPickle,
               "NEWOBJ is used for something that torch.save does not make with it");
}

}  // namespace hardload
