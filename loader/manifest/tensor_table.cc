#include "loader/manifest/tensor_table.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

Error wrong(std::string problem) {
  return Error(ErrorKind::kLayout, Stage::kManifest, std::move(problem));
}

Error wrong_arguments() {
  return wrong("the tensor is rebuilt with arguments that torch.save does not write");
}

bool is_bool(Slot slot) { return slot.kind == ValueKind::kBool; }

// What torch calls a tensor that it builds in another way than the four that are loaded.
std::string_view unsupported_kind(Constructor constructor) {
  switch (constructor) {
    case Constructor::kTensorClass: return "a tensor in the form of torch 0.3 or older";
    case Constructor::kParameter: return "a parameter in the form of torch 0.3 or older";
    case Constructor::kRebuildParameterWithState: return "a parameter with Python attributes";
    case Constructor::kRebuildSparseTensor: return "a sparse tensor";
    case Constructor::kRebuildQTensor: return "a quantized tensor";
    case Constructor::kRebuildNestedTensor: return "a nested tensor";
    case Constructor::kRebuildWrapperSubclass: return "a tensor of a wrapper subclass";
    case Constructor::kRebuildDeviceTensorFromNumpy:
    case Constructor::kRebuildDeviceTensorFromCpuTensor:
      return "a tensor of a device without storages";
    case Constructor::kRebuildFromTypeV2:
      return "a tensor subclass, or a tensor with Python attributes";
    default: return "a tensor of an unknown kind";
  }
}

// Elements of these types mean nothing without a scale, which only a quantized tensor has.
Result<void> check_not_quantized(const TensorSpec& tensor) {
  if (!info(tensor.dtype).is_quantized) return {};
  return Error(
      ErrorKind::kUnsupported, Stage::kManifest,
      concat("this is a plain tensor of ", info(tensor.dtype).name, ", which torch does not load"));
}

// Torch refuses gradients of all other types.
Result<void> check_gradient(const TensorSpec& tensor) {
  const DtypeInfo& dtype = info(tensor.dtype);
  if (!tensor.requires_grad || dtype.is_floating || dtype.is_complex) return {};
  return wrong(concat("a tensor of ", dtype.name, " requires a gradient"));
}

// _rebuild_tensor hooks: an empty OrderedDict, or None in old files.
bool are_no_hooks(const ValueGraph& graph, Slot hooks) {
  return hooks.kind == ValueKind::kNone ||
         (hooks.kind == ValueKind::kOrderedDict && graph.items_of(hooks).empty());
}

}  // namespace

Result<std::uint32_t> TensorTable::resolve(std::uint64_t call) {
  const ValueGraph& graph = manifest_.graph_;
  // A parameter wraps a tensor, which comes first. Python never wraps twice, a file might.
  std::vector<std::uint64_t> chain = {call};
  while (graph.calls[chain.back()].resolved < 0 &&
         graph.calls[chain.back()].constructor == Constructor::kRebuildParameter) {
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
    ValueGraph::Call& current = manifest_.graph_.calls[chain.back()];
    if (current.resolved < 0) {
      const auto arguments = graph.items_of(current.arguments);
      const bool parameter = current.constructor == Constructor::kRebuildParameter;
      if (current.has_state) return wrong("a tensor is changed by BUILD");
      HARDLOAD_ASSIGN(const TensorSpec tensor, parameter ? build_parameter(arguments, number)
                                                         : build(current.constructor, arguments));
      HARDLOAD_TRY(check_not_quantized(tensor));
      HARDLOAD_TRY(check_gradient(tensor));
      current.resolved = static_cast<std::int64_t>(manifest_.tensors_.size());
      manifest_.tensors_.push_back(tensor);
    }
    number = static_cast<std::uint32_t>(current.resolved);
  }
  return number;
}

Result<TensorSpec> TensorTable::build(Constructor constructor, Arguments arguments) {
  switch (constructor) {
    case Constructor::kRebuildTensor: return build_view(arguments, 1);
    case Constructor::kRebuildTensorV2: return build_view(arguments, 2);
    case Constructor::kRebuildTensorV3: return build_view(arguments, 3);
    case Constructor::kRebuildMetaTensor: return build_meta(arguments);
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
  if (has_metadata) HARDLOAD_TRY(read_metadata(arguments[required], tensor));
  HARDLOAD_TRY(add_dims(arguments[2], arguments[3], tensor));
  HARDLOAD_ASSIGN(tensor.numel, check_layout(manifest_.shape(tensor), manifest_.strides(tensor),
                                             tensor.offset, item_bytes(tensor.dtype),
                                             manifest_.storages_[tensor.storage].bytes));
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
  HARDLOAD_TRY(add_dims(arguments[1], arguments[2], tensor));
  // Nothing backs a meta tensor, so any storage would do.
  HARDLOAD_ASSIGN(tensor.numel, check_layout(manifest_.shape(tensor), manifest_.strides(tensor), 0,
                                             item_bytes(tensor.dtype), ~std::uint64_t{0}));
  return tensor;
}

Result<TensorSpec> TensorTable::build_parameter(Arguments arguments, std::uint32_t data) {
  if (arguments.size() != 3 || !is_bool(arguments[1]) ||
      !are_no_hooks(manifest_.graph_, arguments[2])) {
    return wrong_arguments();
  }
  TensorSpec tensor = manifest_.tensors_[data];
  tensor.is_parameter = true;
  tensor.requires_grad = arguments[1].payload != 0;
  return tensor;
}

Result<void> TensorTable::add_dims(Slot sizes, Slot strides, TensorSpec& tensor) {
  std::vector<std::int64_t>& dims = manifest_.dims_;
  tensor.dims = dims.size();
  for (const Slot tuple : {sizes, strides}) {
    if (tuple.kind != ValueKind::kTuple && tuple.kind != ValueKind::kSize) {
      return wrong_arguments();
    }
    if (tuple.length > limits_.max_rank) {
      return Error(
          ErrorKind::kLimit, Stage::kManifest,
          concat("a tensor has ", tuple.length, " dimensions, over max_rank, ", limits_.max_rank));
    }
    if (tuple.length != sizes.length) return wrong("sizes and strides differ in number");
    for (const Slot& item : manifest_.graph_.items_of(tuple)) {
      if (item.kind != ValueKind::kInt) return wrong_arguments();
      dims.push_back(static_cast<std::int64_t>(item.payload));
    }
  }
  tensor.rank = sizes.length;
  return {};
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
