#include "loader/manifest/tensor_table.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/manifest/layout.h"
#include "loader/manifest/tensor_arguments.h"

namespace hardload {
namespace {

// What torch calls a tensor that LibTorch cannot build, or that is not built here.
std::string_view unsupported_kind(Constructor constructor) {
  switch (constructor) {
    case Constructor::kParameter: return "a parameter in the form of torch 0.3 or older";
    case Constructor::kRebuildNestedTensor: return "a nested tensor";
    case Constructor::kRebuildWrapperSubclass: return "a tensor of a wrapper subclass";
    case Constructor::kRebuildDeviceTensorFromNumpy:
    case Constructor::kRebuildDeviceTensorFromCpuTensor:
      return "a tensor of a device without storages";
    default: return "a tensor of an unknown kind";
  }
}

// Elements of these types mean nothing without a scale, which only a quantized tensor has.
Result<void> check_not_quantized(Dtype dtype) {
  if (!info(dtype).is_quantized) return {};
  return Error(
      ErrorKind::kUnsupported, Stage::kManifest,
      concat("this is a plain tensor of ", to_string(dtype), ", which torch does not load"));
}

// Torch refuses gradients of all other types.
Result<void> check_gradient(const TensorSpec& tensor) {
  const DtypeInfo& dtype = info(tensor.dtype);
  if (!tensor.requires_grad || dtype.is_floating || dtype.is_complex) return {};
  return wrong_layout(concat("a tensor of ", dtype.name, " requires a gradient"));
}

bool wraps_a_tensor(Constructor constructor) {
  return constructor == Constructor::kRebuildParameter ||
         constructor == Constructor::kRebuildParameterWithState;
}

// Python attributes of a tensor: a dict, or with __slots__ a pair of it and another one
// (torch/_utils.py: _set_obj_state).
bool are_attributes(const ValueGraph& graph, Slot state) {
  const auto is_dict = [](Slot slot) {
    return slot.kind == ValueKind::kDict || slot.kind == ValueKind::kNone;
  };
  if (is_dict(state)) return true;
  const auto parts = graph.items_of(state);
  return state.kind == ValueKind::kTuple && parts.size() == 2 && is_dict(parts[0]) &&
         is_dict(parts[1]);
}

}  // namespace

TensorTable::TensorTable(Manifest& manifest, StorageTable& storages, const Limits& limits,
                         const SavedObjects* saved)
    : manifest_(manifest),
      storages_(storages),
      limits_(limits),
      saved_(saved),
      saved_numbers_(saved == nullptr ? 0 : saved->tensors.size(), -1) {
  std::uint64_t present = 0;
  for (const Record& record : manifest.container_->records()) {
    present = checked_add(present, record.stored_bytes).value_or(~std::uint64_t{0});
  }
  most_index_bytes_ = limits.expanded(present);
}

Result<std::uint32_t> TensorTable::resolve_saved(ValueGraph::Call& call) {
  const std::size_t saved = saved_->find(call.arguments)->number;
  if (call.has_state) return wrong_layout("a tensor is changed by BUILD");
  std::int64_t& number = saved_numbers_[saved];  // each id of it is a call of its own
  if (number < 0) {
    HARDLOAD_ASSIGN(const TensorSpec tensor, build_saved(saved));
    number = static_cast<std::int64_t>(manifest_.tensors_.size());
    manifest_.tensors_.push_back(tensor);
  }
  call.resolved = number;
  return static_cast<std::uint32_t>(number);
}

Result<std::uint32_t> TensorTable::resolve(std::uint64_t call) {
  const ValueGraph& graph = manifest_.graph_;
  // A parameter wraps a tensor, which comes first. Python never wraps twice, a file might.
  std::vector<std::uint64_t> chain = {call};
  while (graph.calls[chain.back()].resolved < 0 &&
         wraps_a_tensor(graph.calls[chain.back()].constructor)) {
    const auto arguments = graph.items_of(graph.calls[chain.back()].arguments);
    if (arguments.empty() || arguments[0].kind != ValueKind::kTensor) return wrong_arguments();
    if (chain.size() > limits_.max_depth) {
      return Error(ErrorKind::kLimit, Stage::kManifest,
                   concat("a parameter is wrapped deeper than max_depth, ", limits_.max_depth));
    }
    chain.push_back(arguments[0].payload);
  }

  std::uint32_t number = 0;
  for (; !chain.empty(); chain.pop_back()) {
    const ValueGraph::Call current = graph.calls[chain.back()];
    if (current.resolved >= 0) {
      number = static_cast<std::uint32_t>(current.resolved);
      continue;
    }
    if (current.constructor == Constructor::kSavedTensor) {
      HARDLOAD_ASSIGN(number, resolve_saved(manifest_.graph_.calls[chain.back()]));
      continue;
    }
    if (current.has_state && current.constructor != Constructor::kTensorClass) {
      return wrong_layout("a tensor is changed by BUILD");
    }
    const bool with_state = current.constructor == Constructor::kRebuildParameterWithState;
    HARDLOAD_ASSIGN(const TensorSpec tensor,
                    wraps_a_tensor(current.constructor)
                        ? build_parameter(graph.items_of(current.arguments), with_state, number)
                    : current.constructor == Constructor::kTensorClass
                        ? build_of_class(chain.back())
                        : build(current.constructor, graph.items_of(current.arguments)));
    HARDLOAD_TRY(check_gradient(tensor));
    number = static_cast<std::uint32_t>(manifest_.tensors_.size());
    manifest_.graph_.calls[chain.back()].resolved = number;
    manifest_.tensors_.push_back(tensor);
  }
  return number;
}

Result<TensorSpec> TensorTable::build(Constructor constructor, Arguments arguments) {
  switch (constructor) {
    case Constructor::kRebuildTensor: return build_view(arguments, 1);
    case Constructor::kRebuildTensorV2: return build_view(arguments, 2);
    case Constructor::kRebuildTensorV3: return build_view(arguments, 3);
    case Constructor::kRebuildMetaTensor: return build_meta(arguments);
    case Constructor::kRebuildSparseTensor: return build_sparse(arguments);
    case Constructor::kRebuildQTensor: return build_quantized(arguments);
    case Constructor::kRebuildFromTypeV2: return build_from_type(arguments);
    default: break;
  }
  return Error(ErrorKind::kUnsupported, Stage::kManifest,
               concat("this is ", unsupported_kind(constructor),
                      ", which this version does not load"))
      .advise("Convert it to a plain dense tensor before saving.");
}

Result<TensorSpec> TensorTable::build_view(Arguments arguments, std::size_t version) {
  // v1 has 4 arguments; v2 adds requires_grad and hooks, v3 these and dtype; then maybe metadata.
  const std::size_t required = version == 1 ? 4 : version == 2 ? 6 : 7;
  const bool has_metadata = version != 1 && arguments.size() == required + 1;
  if (arguments.size() != required && !has_metadata) return wrong_arguments();
  if (arguments[0].kind != ValueKind::kStorage || arguments[1].kind != ValueKind::kInt) {
    return wrong_arguments();
  }
  HARDLOAD_ASSIGN(const StorageTable::Reference reference, storages_.resolve(arguments[0].payload));
  TensorSpec tensor{};
  tensor.storage = reference.storage;
  tensor.dtype = reference.dtype;
  tensor.offset = static_cast<std::int64_t>(arguments[1].payload);
  if (version >= 2) {
    if (!is_bool(arguments[4]) || !are_no_hooks(manifest_.graph_, arguments[5])) {
      return wrong_arguments();
    }
    tensor.requires_grad = arguments[4].payload != 0;
  }
  if (version == 3) {
    if (arguments[6].kind != ValueKind::kDtype) return wrong_arguments();
    const auto dtype = dtype_named(manifest_.graph_.text_of(arguments[6]));
    if (!dtype) return wrong_arguments();
    tensor.dtype = *dtype;
  }
  HARDLOAD_TRY(check_not_quantized(tensor.dtype));
  if (has_metadata) HARDLOAD_TRY(read_metadata(arguments[required], tensor));
  HARDLOAD_TRY(add_dims(arguments[2], arguments[3], tensor));
  HARDLOAD_TRY(check_view(reference, tensor));
  return tensor;
}

// That the tensor, whose offset is in its slice, stays there; then the offset is in the storage.
Result<void> TensorTable::check_view(const StorageTable::Reference& reference, TensorSpec& tensor) {
  HARDLOAD_ASSIGN(tensor.numel,
                  check_layout(manifest_.shape(tensor), manifest_.strides(tensor), tensor.offset,
                               item_bytes(tensor.dtype), reference.bytes));
  if (reference.offset == 0) return {};
  // Of another size than the elements of the slice: torch 0.3 had no such views.
  if (item_bytes(tensor.dtype) != item_bytes(reference.dtype)) return wrong_arguments();
  const auto offset = checked_add(tensor.offset, reference.offset);
  if (!offset) return wrong_layout("the offset of a tensor overflows");
  tensor.offset = *offset;
  return {};
}

// A tensor of torch 0.1, which was saved beside the pickle.
Result<TensorSpec> TensorTable::build_saved(std::size_t number) {
  const SavedObjects::Tensor& saved = saved_->tensors[number];
  HARDLOAD_ASSIGN(const StorageTable::Reference reference, storages_.resolve_saved(saved.storage));
  TensorSpec tensor{};
  tensor.storage = reference.storage;
  tensor.dtype = reference.dtype;
  tensor.offset = saved.offset;
  tensor.rank = saved.rank;
  tensor.dims = manifest_.dims_.size();
  const auto dims = saved_->dims.begin() + static_cast<std::ptrdiff_t>(saved.dims);
  manifest_.dims_.insert(manifest_.dims_.end(), dims, dims + 2 * std::ptrdiff_t{saved.rank});
  HARDLOAD_TRY(check_not_quantized(tensor.dtype));
  HARDLOAD_TRY(check_view(reference, tensor));
  return tensor;
}

Result<TensorSpec> TensorTable::build_meta(Arguments arguments) {
  if (arguments.size() != 4 || arguments[0].kind != ValueKind::kDtype || !is_bool(arguments[3])) {
    return wrong_arguments();
  }
  const auto dtype = dtype_named(manifest_.graph_.text_of(arguments[0]));
  if (!dtype) return wrong_arguments();
  TensorSpec tensor{};
  tensor.storage = TensorSpec::kNoStorage;
  tensor.dtype = *dtype;
  tensor.requires_grad = arguments[3].payload != 0;
  HARDLOAD_TRY(check_not_quantized(tensor.dtype));
  HARDLOAD_TRY(add_dims(arguments[1], arguments[2], tensor));
  // Nothing backs a meta tensor, so any storage would do.
  HARDLOAD_ASSIGN(tensor.numel, check_layout(manifest_.shape(tensor), manifest_.strides(tensor), 0,
                                             item_bytes(tensor.dtype), ~std::uint64_t{0}));
  return tensor;
}

Result<TensorSpec> TensorTable::build_parameter(Arguments arguments, bool has_state,
                                                std::uint32_t data) {
  if (arguments.size() != (has_state ? 4u : 3u) || !is_bool(arguments[1]) ||
      !are_no_hooks(manifest_.graph_, arguments[2]) ||
      (has_state && !are_attributes(manifest_.graph_, arguments[3]))) {
    return wrong_arguments();
  }
  TensorSpec tensor = manifest_.tensors_[data];
  tensor.is_parameter = true;
  tensor.requires_grad = arguments[1].payload != 0;
  return tensor;
}

// A tensor with Python attributes. Of its own types torch names two.
Result<TensorSpec> TensorTable::build_from_type(Arguments arguments) {
  const auto constructor_of = [this](Slot slot) -> std::optional<Constructor> {
    if (slot.kind != ValueKind::kClass) return std::nullopt;
    const Global& global = manifest_.graph_.classes[slot.payload].global;
    if (global.kind != GlobalKind::kConstructor) return std::nullopt;
    return global.constructor;
  };
  if (arguments.size() != 4 || arguments[2].kind != ValueKind::kTuple ||
      !are_attributes(manifest_.graph_, arguments[3])) {
    return wrong_arguments();
  }
  const auto function = constructor_of(arguments[0]);
  const auto type = constructor_of(arguments[1]);
  const bool is_parameter = type == Constructor::kParameter;
  if (!function || *function < Constructor::kTensorClass ||
      function == Constructor::kRebuildFromTypeV2 || wraps_a_tensor(*function) ||
      (type != Constructor::kTensorClass && !is_parameter)) {
    return wrong_arguments();
  }
  HARDLOAD_ASSIGN(TensorSpec tensor, build(*function, manifest_.graph_.items_of(arguments[2])));
  tensor.is_parameter = is_parameter;
  return tensor;
}

// torch.FloatTensor(), which BUILD then makes a view: how torch 0.1 wrote tensors.
Result<TensorSpec> TensorTable::build_of_class(std::uint64_t call) {
  const ValueGraph& graph = manifest_.graph_;
  const auto state = graph.states.find(call);
  if (graph.calls[call].arguments.length != 0 || state == graph.states.end() ||
      state->second.kind != ValueKind::kTuple) {
    return wrong_arguments();
  }
  return build_view(graph.items_of(state->second), 1);
}

Result<void> TensorTable::add_sizes(Slot sizes, TensorSpec& tensor) {
  if (sizes.kind != ValueKind::kTuple && sizes.kind != ValueKind::kSize) return wrong_arguments();
  if (sizes.length > limits_.max_rank) {
    return Error(
        ErrorKind::kLimit, Stage::kManifest,
        concat("a tensor has ", sizes.length, " dimensions, over max_rank, ", limits_.max_rank));
  }
  tensor.dims = manifest_.dims_.size();
  tensor.rank = sizes.length;
  return append_dims(sizes);
}

Result<void> TensorTable::append_dims(Slot numbers) {
  for (const Slot& item : manifest_.graph_.items_of(numbers)) {
    if (item.kind != ValueKind::kInt) return wrong_arguments();
    manifest_.dims_.push_back(static_cast<std::int64_t>(item.payload));
  }
  return {};
}

Result<void> TensorTable::add_dims(Slot sizes, Slot strides, TensorSpec& tensor) {
  HARDLOAD_TRY(add_sizes(sizes, tensor));
  if (strides.kind != ValueKind::kTuple && strides.kind != ValueKind::kSize) {
    return wrong_arguments();
  }
  if (strides.length != sizes.length) return wrong_layout("sizes and strides differ in number");
  return append_dims(strides);
}

// {'conj': True, 'neg': True}, either or both (torch/_utils.py: get_tensor_metadata). Never False:
// to torch, the key alone sets the bit.
Result<void> TensorTable::read_metadata(Slot metadata, TensorSpec& tensor) {
  if (metadata.kind != ValueKind::kDict) return wrong_arguments();
  const Value entries(manifest_.graph_, metadata);
  if (entries.size() > 2) return wrong_arguments();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto key = entries.key(i).as_string();
    bool* const bit = key == "conj" ? &tensor.is_conj : key == "neg" ? &tensor.is_neg : nullptr;
    if (bit == nullptr || *bit || !entries.item(i).as_bool().value_or(false)) {
      return wrong_arguments();
    }
    *bit = true;
  }
  if (tensor.is_conj && !info(tensor.dtype).is_complex) return wrong_arguments();
  return {};
}

}  // namespace hardload
