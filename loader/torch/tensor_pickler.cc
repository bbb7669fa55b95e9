#include "loader/torch/tensor_pickler.h"

#include <optional>
#include <span>
#include <string>

#include "loader/base/text.h"
#include "loader/torch/dtype_map.h"

namespace hardload {
namespace {

Error unsupported(std::string problem, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, std::move(problem)).advise(advice);
}

// str(layout); nullopt for those that torch.save does not write.
std::optional<std::string_view> layout_name(c10::Layout layout) {
  switch (layout) {
    case c10::kStrided: return "torch.strided";
    case c10::kSparse: return "torch.sparse_coo";
    case c10::kSparseCsr: return "torch.sparse_csr";
    case c10::kSparseCsc: return "torch.sparse_csc";
    case c10::kSparseBsr: return "torch.sparse_bsr";
    case c10::kSparseBsc: return "torch.sparse_bsc";
    default: return std::nullopt;
  }
}

std::span<const std::int64_t> span_of(at::IntArrayRef values) {
  return {values.data(), values.size()};
}

// Borrows the tensor.
TensorView view_of(const at::Tensor& tensor) {
  return {.offset = tensor.storage_offset(),
          .sizes = span_of(tensor.sizes()),
          .strides = span_of(tensor.strides()),
          .requires_grad = tensor.requires_grad(),
          .is_conj = tensor.is_conj(),
          .is_neg = tensor.is_neg()};
}

}  // namespace

Result<PickleWriter::Index> TensorPickler::write(const at::Tensor& tensor, bool is_parameter) {
  if (!is_parameter) return write_data(tensor);
  calls_.open_parameter(/*has_state=*/false);
  HARDLOAD_TRY(write_data(tensor.defined() ? tensor.detach() : tensor));  // Python's parameter.data
  calls_.after_parameter_data(tensor.requires_grad());
  return calls_.close_parameter();
}

Result<PickleWriter::Index> TensorPickler::write_data(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    return unsupported("this tensor is undefined", "Leave it out, or save at::empty({0}).");
  }
  const auto layout = layout_name(tensor.layout());
  const auto dtype = dtype_of(tensor.scalar_type());
  if (!dtype || !layout || tensor.is_nested() ||
      tensor.unsafeGetTensorImpl()->has_symbolic_sizes_strides()) {
    return unsupported(
        concat("this is a tensor of a kind that torch.save does not write: ", tensor.toString()),
        "Convert it to a plain dense tensor before saving.");
  }
  if (tensor.has_names()) {
    return unsupported("the dimensions of this tensor have names, which torch.save refuses",
                       "Save tensor.rename(std::nullopt).");
  }
  if (static_cast<std::uint64_t>(tensor.dim()) > limits_.max_rank) {
    return Error(
        ErrorKind::kLimit, Stage::kTorch,
        concat("this tensor has ", tensor.dim(), " dimensions, over max_rank, ", limits_.max_rank));
  }
  if (tensor.layout() != c10::kStrided) return write_sparse(tensor.detach());
  if (tensor.is_meta()) {
    return calls_.meta(*dtype, span_of(tensor.sizes()), span_of(tensor.strides()),
                       tensor.requires_grad());
  }
  if (!tensor.has_storage() || tensor._is_zerotensor()) {
    return unsupported("this tensor has no memory of its own", "Save a clone of it.");
  }
  if (tensor.is_quantized()) return write_quantized(tensor, *dtype);
  if (info(*dtype).is_quantized) {
    return unsupported(concat("this is a plain tensor of ", info(*dtype).name),
                       "Save its integers: tensor.view(at::kByte).");
  }
  HARDLOAD_ASSIGN(const StorageReference storage, storages_.refer(tensor.storage(), *dtype));
  return calls_.strided(storage, *dtype, view_of(tensor));
}

Result<PickleWriter::Index> TensorPickler::write_quantized(const at::Tensor& tensor, Dtype dtype) {
  const bool per_tensor = tensor.qscheme() == at::kPerTensorAffine;
  const bool per_channel = tensor.qscheme() == at::kPerChannelAffine ||
                           tensor.qscheme() == at::kPerChannelAffineFloatQParams;
  if (!per_tensor && !per_channel) {
    return unsupported(
        concat("torch.save does not write tensors quantized as ", at::toString(tensor.qscheme())),
        "Quantize it per tensor or per channel.");
  }
  HARDLOAD_ASSIGN(const StorageReference storage, storages_.refer(tensor.storage(), dtype));
  if (per_tensor) {
    return calls_.quantized(storage, view_of(tensor), tensor.q_scale(), tensor.q_zero_point());
  }
  calls_.open_per_channel(storage, view_of(tensor));
  HARDLOAD_TRY(write_data(tensor.q_per_channel_scales()));
  HARDLOAD_TRY(write_data(tensor.q_per_channel_zero_points()));
  return calls_.close_per_channel(tensor.q_per_channel_axis(), tensor.requires_grad());
}

Result<PickleWriter::Index> TensorPickler::write_sparse(const at::Tensor& tensor) {
  const std::string_view layout = *layout_name(tensor.layout());
  if (tensor.layout() == c10::kSparse) {
    calls_.open_sparse(layout, 2, tensor.is_coalesced());
    HARDLOAD_TRY(write_data(tensor._indices()));
    HARDLOAD_TRY(write_data(tensor._values()));
  } else {
    const bool rows = tensor.layout() == c10::kSparseCsr || tensor.layout() == c10::kSparseBsr;
    calls_.open_sparse(layout, 3, std::nullopt);
    HARDLOAD_TRY(write_data(rows ? tensor.crow_indices() : tensor.ccol_indices()));
    HARDLOAD_TRY(write_data(rows ? tensor.col_indices() : tensor.row_indices()));
    HARDLOAD_TRY(write_data(tensor.values()));
  }
  return calls_.close_sparse(span_of(tensor.sizes()));
}

Result<void> TensorPickler::write_storage(const c10::Storage& storage, c10::ScalarType type) {
  const auto dtype = dtype_of(type);
  if (!storage || storage.device().is_meta() || !dtype) {
    return unsupported("this is no storage that can be saved", "Save a tensor of it.");
  }
  // Byte stands for an untyped one.
  const bool untyped = *dtype == Dtype::kUInt8;
  if (!untyped && storages_.is_untyped(storage, *dtype)) {
    return unsupported(concat("this storage cannot be one of ", info(*dtype).name,
                              ": there is no such class, or tensors view it as another type"),
                       "Save it untyped, with at::kByte.");
  }
  HARDLOAD_ASSIGN(const StorageReference reference,
                  storages_.refer(storage, untyped ? Dtype::kBits8 : *dtype));
  calls_.write_storage(reference);
  return {};
}

}  // namespace hardload
