// The rest of TensorTable: sparse and quantized tensors, which are made of tensors.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/manifest/layout.h"
#include "loader/manifest/tensor_arguments.h"
#include "loader/manifest/tensor_table.h"

namespace hardload {
namespace {

using Sizes = std::span<const std::int64_t>;

Error unfitting(TensorLayout layout, std::string_view what) {
  return wrong_layout(
      concat("the parts of a ", to_string(layout), " tensor do not fit each other: ", what));
}

std::optional<TensorLayout> layout_named(std::string_view name) {
  for (const TensorLayout layout :
       {TensorLayout::kSparseCoo, TensorLayout::kSparseCsr, TensorLayout::kSparseCsc,
        TensorLayout::kSparseBsr, TensorLayout::kSparseBsc}) {
    if (name == concat("torch.", to_string(layout))) return layout;
  }
  return std::nullopt;
}

// What is known of a compressed tensor before its indices are read.
Result<void> check_compressed_shapes(TensorLayout layout, Sizes compressed, Sizes plain,
                                     Sizes values, Sizes size) {
  const bool blocked = layout == TensorLayout::kSparseBsr || layout == TensorLayout::kSparseBsc;
  const bool by_row = layout == TensorLayout::kSparseCsr || layout == TensorLayout::kSparseBsr;
  const std::size_t blocks = blocked ? 2 : 0;
  if (compressed.empty() || plain.size() != compressed.size() ||
      values.size() < plain.size() + blocks) {
    return unfitting(layout, "their numbers of dimensions");
  }
  const std::size_t batch = compressed.size() - 1;
  const std::size_t dense = values.size() - plain.size() - blocks;
  if (size.size() != batch + 2 + dense) return unfitting(layout, "their numbers of dimensions");
  const Sizes batches = size.first(batch);
  const auto begins_with = [](Sizes sizes, Sizes head) {
    return std::equal(head.begin(), head.end(), sizes.begin());
  };
  if (!begins_with(compressed, batches) || !begins_with(plain, batches) ||
      !begins_with(values, batches)) {
    return unfitting(layout, "the batch dimensions");
  }
  if (plain[batch] != values[batch]) return unfitting(layout, "the number of elements");
  const Sizes dense_sizes = size.subspan(batch + 2), value_tail = values.last(dense);
  if (!std::equal(dense_sizes.begin(), dense_sizes.end(), value_tail.begin())) {
    return unfitting(layout, "the dense dimensions");
  }
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::int64_t block = values[batch + 1 + i];
    if (block <= 0 || size[batch + i] % block != 0) return unfitting(layout, "the block sizes");
  }
  const std::size_t compressed_dim = by_row ? 0 : 1;
  const std::int64_t block = blocked ? values[batch + 1 + compressed_dim] : 1;
  if (compressed[batch] - 1 != size[batch + compressed_dim] / block) {
    return unfitting(layout, "the number of compressed indices");
  }
  return {};
}

}  // namespace

Result<std::uint32_t> TensorTable::resolve_part(Slot slot) {
  if (slot.kind != ValueKind::kTensor) return wrong_arguments();
  switch (manifest_.graph_.calls[slot.payload].constructor) {
    case Constructor::kRebuildTensor:
    case Constructor::kRebuildTensorV2:
    case Constructor::kRebuildTensorV3: return resolve(slot.payload);
    default: return wrong_arguments();
  }
}

Result<TensorSpec> TensorTable::build_sparse(Arguments arguments) {
  if (manifest_.graph_.dialect == Dialect::kLibTorch && !arguments.empty() &&
      arguments[0].kind == ValueKind::kInt) {
    return build_sparse_of_libtorch(arguments);
  }
  if (arguments.size() != 2 || arguments[0].kind != ValueKind::kLayout ||
      arguments[1].kind != ValueKind::kTuple) {
    return wrong_arguments();
  }
  const auto layout = layout_named(manifest_.graph_.text_of(arguments[0]));
  if (!layout) return wrong_arguments();
  const Arguments data = manifest_.graph_.items_of(arguments[1]);
  return layout == TensorLayout::kSparseCoo ? build_coo(data) : build_compressed(*layout, data);
}

Result<TensorSpec> TensorTable::build_sparse_of_libtorch(Arguments arguments) {
  constexpr std::uint64_t kSparse = 1, kSparseCsr = 2;  // c10/core/Layout.h
  const std::uint64_t layout = arguments[0].payload;
  const std::size_t parts = layout == kSparse ? 2 : 3;
  if ((layout != kSparse && layout != kSparseCsr) || arguments.size() != parts + 4 ||
      !is_bool(arguments[2]) || !are_no_hooks(manifest_.graph_, arguments.back())) {
    return wrong_arguments();
  }
  std::vector<Slot> data(arguments.begin() + 3, arguments.end() - 1);
  data.push_back(arguments[1]);
  HARDLOAD_ASSIGN(TensorSpec tensor, layout == kSparse
                                         ? build_coo(data)
                                         : build_compressed(TensorLayout::kSparseCsr, data));
  tensor.requires_grad = arguments[2].payload != 0;
  return tensor;
}

Result<TensorSpec> TensorTable::build_coo(Arguments data) {
  if (data.size() != 3 && data.size() != 4) return wrong_arguments();
  SparseSpec sparse{};
  HARDLOAD_ASSIGN(sparse.indices, resolve_part(data[0]));
  HARDLOAD_ASSIGN(sparse.values, resolve_part(data[1]));
  if (data.size() == 4) {
    if (!is_bool(data[3]) && data[3].kind != ValueKind::kNone) return wrong_arguments();
    if (is_bool(data[3])) sparse.is_coalesced = data[3].payload != 0;
  }
  TensorSpec tensor{};
  tensor.layout = TensorLayout::kSparseCoo;
  HARDLOAD_TRY(add_sizes(data[2], tensor));
  const Sizes indices = shape_of(sparse.indices), values = shape_of(sparse.values);
  const Sizes size = manifest_.shape(tensor);
  if (manifest_.tensors_[sparse.indices].dtype != Dtype::kInt64 || indices.size() != 2) {
    return unfitting(tensor.layout, "the indices are no matrix of int64");
  }
  if (values.empty() || indices[1] != values[0]) {
    return unfitting(tensor.layout, "the number of elements");
  }
  const Sizes dense = values.subspan(1);
  if (size.size() != static_cast<std::uint64_t>(indices[0]) + dense.size() ||
      !std::equal(dense.begin(), dense.end(), size.end() - std::ssize(dense))) {
    return unfitting(tensor.layout, "the dimensions");
  }
  HARDLOAD_TRY(charge_indices({sparse.indices}));
  return add_sparse(tensor, sparse);
}

Result<TensorSpec> TensorTable::build_compressed(TensorLayout layout, Arguments data) {
  if (data.size() != 4) return wrong_arguments();
  SparseSpec sparse{};
  HARDLOAD_ASSIGN(sparse.indices, resolve_part(data[0]));
  HARDLOAD_ASSIGN(sparse.plain_indices, resolve_part(data[1]));
  HARDLOAD_ASSIGN(sparse.values, resolve_part(data[2]));
  TensorSpec tensor{};
  tensor.layout = layout;
  HARDLOAD_TRY(add_sizes(data[3], tensor));
  const Dtype dtype = manifest_.tensors_[sparse.indices].dtype;
  if ((dtype != Dtype::kInt64 && dtype != Dtype::kInt32) ||
      manifest_.tensors_[sparse.plain_indices].dtype != dtype) {
    return unfitting(layout, "the indices are not both int64 or int32");
  }
  HARDLOAD_TRY(count_elements(manifest_.shape(tensor)));
  HARDLOAD_TRY(check_compressed_shapes(layout, shape_of(sparse.indices),
                                       shape_of(sparse.plain_indices), shape_of(sparse.values),
                                       manifest_.shape(tensor)));
  HARDLOAD_TRY(charge_indices({sparse.indices, sparse.plain_indices}));
  return add_sparse(tensor, sparse);
}

Result<TensorSpec> TensorTable::add_sparse(TensorSpec tensor, const SparseSpec& sparse) {
  tensor.storage = TensorSpec::kNoStorage;
  tensor.dtype = manifest_.tensors_[sparse.values].dtype;
  HARDLOAD_ASSIGN(tensor.numel, count_elements(manifest_.shape(tensor)));
  tensor.details = static_cast<std::uint32_t>(manifest_.sparse_.size());
  manifest_.sparse_.push_back(sparse);
  return tensor;
}

// Whoever loads or verifies the file looks at each index. Strides of 0 make many of a few bytes.
Result<void> TensorTable::charge_indices(std::initializer_list<std::uint32_t> parts) {
  for (const std::uint32_t part : parts) {
    const auto numel = static_cast<std::uint64_t>(manifest_.tensors_[part].numel);
    const auto bytes = checked_mul(numel, std::uint64_t{sizeof(std::int64_t)});
    index_bytes_ =
        checked_add(index_bytes_, bytes.value_or(~std::uint64_t{0})).value_or(~std::uint64_t{0});
  }
  if (index_bytes_ <= most_index_bytes_) return {};
  return Error(ErrorKind::kLimit, Stage::kManifest,
               concat("the indices of sparse tensors are more than max_expansion allows for a file "
                      "of this size: over ",
                      most_index_bytes_, " bytes"));
}

Result<TensorSpec> TensorTable::build_quantized(Arguments arguments) {
  if (arguments.size() != 7 || arguments[0].kind != ValueKind::kStorage ||
      arguments[1].kind != ValueKind::kInt || arguments[4].kind != ValueKind::kTuple ||
      !is_bool(arguments[5]) || !are_no_hooks(manifest_.graph_, arguments[6])) {
    return wrong_arguments();
  }
  HARDLOAD_ASSIGN(const StorageTable::Reference reference, storages_.resolve(arguments[0].payload));
  TensorSpec tensor{};
  tensor.storage = reference.storage;
  tensor.dtype = reference.dtype;
  tensor.offset = static_cast<std::int64_t>(arguments[1].payload);
  tensor.requires_grad = arguments[5].payload != 0;
  if (!tensor.is_quantized()) {
    return wrong_layout(concat("a quantized tensor has a storage of ", to_string(tensor.dtype)));
  }
  HARDLOAD_TRY(add_dims(arguments[2], arguments[3], tensor));
  const std::uint64_t bytes = reference.bytes;
  const std::uint64_t per_item = info(tensor.dtype).per_item;
  const Sizes sizes = manifest_.shape(tensor), strides = manifest_.strides(tensor);
  if (per_item == 1) {
    HARDLOAD_TRY(check_view(reference, tensor));
  } else {
    // Several elements lie in a byte: an element has no address, so there are no views.
    HARDLOAD_ASSIGN(tensor.numel, count_elements(sizes));
    if (tensor.offset != 0 || reference.offset != 0 || !is_contiguous(sizes, strides)) {
      return Error(ErrorKind::kUnsupported, Stage::kManifest,
                   concat("this is a view of a tensor of ", to_string(tensor.dtype)));
    }
    if (tensor.numel != 0 && packed_bytes(sizes, per_item) > bytes) {
      return wrong_layout(concat("the tensor needs ", packed_bytes(sizes, per_item),
                                 " bytes, but the storage holds ", bytes));
    }
  }
  HARDLOAD_ASSIGN(const QuantizerSpec quantizer,
                  read_quantizer(manifest_.graph_.items_of(arguments[4]), tensor));
  tensor.details = static_cast<std::uint32_t>(manifest_.quantizers_.size());
  manifest_.quantizers_.push_back(quantizer);
  return tensor;
}

Result<QuantizerSpec> TensorTable::read_quantizer(Arguments parts, const TensorSpec& tensor) {
  if (parts.empty() || parts[0].kind != ValueKind::kQScheme) return wrong_arguments();
  const std::string_view scheme = manifest_.graph_.text_of(parts[0]);
  QuantizerSpec quantizer{};
  if (scheme == "per_tensor_affine") {
    if (parts.size() != 3 || parts[1].kind != ValueKind::kFloat ||
        parts[2].kind != ValueKind::kInt) {
      return wrong_arguments();
    }
    quantizer.scale = *Value(manifest_.graph_, parts[1]).as_float();
    quantizer.zero_point = static_cast<std::int64_t>(parts[2].payload);
    return quantizer;
  }
  // Torch writes the first of these names for both.
  if (scheme != "per_channel_affine" && scheme != "per_channel_affine_float_qparams") {
    return Error(ErrorKind::kUnsupported, Stage::kManifest,
                 concat("the tensor is quantized by the scheme ", scheme));
  }
  if (parts.size() != 4 || parts[3].kind != ValueKind::kInt) return wrong_arguments();
  quantizer.is_per_channel = true;
  quantizer.axis = static_cast<std::int64_t>(parts[3].payload);
  if (quantizer.axis < 0 || quantizer.axis >= static_cast<std::int64_t>(tensor.rank)) {
    return wrong_layout(concat("the axis of the channels is ", quantizer.axis, ", but there are ",
                               tensor.rank, " dimensions"));
  }
  const std::int64_t channels = manifest_.shape(tensor)[static_cast<std::size_t>(quantizer.axis)];
  HARDLOAD_ASSIGN(quantizer.scales, read_channel_part(parts[1], "scales", channels));
  HARDLOAD_ASSIGN(quantizer.zero_points, read_channel_part(parts[2], "zero points", channels));
  if (!info(manifest_.tensors_[quantizer.scales].dtype).is_floating) {
    return wrong_layout("the scales of the channels are no floating-point numbers");
  }
  return quantizer;
}

Result<std::uint32_t> TensorTable::read_channel_part(Slot part, std::string_view name,
                                                     std::int64_t channels) {
  HARDLOAD_ASSIGN(const std::uint32_t number, resolve_part(part));
  const TensorSpec& tensor = manifest_.tensors_[number];
  const bool is_number = tensor.dtype == Dtype::kFloat64 || tensor.dtype == Dtype::kFloat32 ||
                         tensor.dtype == Dtype::kInt64 || tensor.dtype == Dtype::kInt32;
  if (!is_number || tensor.is_conj || tensor.is_neg) {
    return wrong_layout(
        concat("the ", name, " of the channels have the type ", to_string(tensor.dtype)));
  }
  if (tensor.rank != 1 || tensor.numel != channels) {
    return wrong_layout(concat("there are ", channels, " channels, but ", tensor.numel, " ", name));
  }
  return number;
}

}  // namespace hardload
