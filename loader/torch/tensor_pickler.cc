#include "loader/torch/tensor_pickler.h"

#include <optional>
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

}  // namespace

Result<PickleWriter::Index> TensorPickler::write(const at::Tensor& tensor, bool is_parameter) {
  if (!is_parameter) return write_data(tensor);
  pickle_.global("torch._utils", "_rebuild_parameter");
  pickle_.open_tuple(3);
  HARDLOAD_TRY(write_data(tensor.defined() ? tensor.detach() : tensor));  // Python's parameter.data
  pickle_.boolean(tensor.requires_grad());
  write_no_hooks();
  return call(3);
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
  if (tensor.layout() != c10::kStrided) {
    HARDLOAD_TRY(write_sparse(tensor.detach()));
    return pickle_.op(Opcode::kReduce).put();
  }
  if (tensor.is_meta()) {
    write_meta(tensor, *dtype);
    return pickle_.op(Opcode::kReduce).put();
  }
  if (!tensor.has_storage() || tensor._is_zerotensor()) {
    return unsupported("this tensor has no memory of its own", "Save a clone of it.");
  }
  HARDLOAD_TRY(tensor.is_quantized() ? write_quantized(tensor, *dtype)
                                     : write_strided(tensor, *dtype));
  return pickle_.op(Opcode::kReduce).put();
}

Result<void> TensorPickler::write_strided(const at::Tensor& tensor, Dtype dtype) {
  if (info(dtype).is_quantized) {
    return unsupported(concat("this is a plain tensor of ", info(dtype).name),
                       "Save its integers: tensor.view(at::kByte).");
  }
  const bool untyped = storages_.is_untyped(tensor.storage(), dtype);
  const bool has_metadata = tensor.is_conj() || tensor.is_neg();
  pickle_.global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
  const std::size_t arguments = 6u + (untyped ? 1 : 0) + (has_metadata ? 1 : 0);
  pickle_.open_tuple(arguments);
  HARDLOAD_TRY(storages_.refer(pickle_, tensor.storage(), dtype));
  write_geometry(tensor);
  pickle_.boolean(tensor.requires_grad());
  write_no_hooks();
  if (untyped) pickle_.global("torch", info(dtype).name);
  if (has_metadata) write_metadata(tensor);
  pickle_.close_tuple(arguments);
  return {};
}

Result<void> TensorPickler::write_quantized(const at::Tensor& tensor, Dtype dtype) {
  const bool per_tensor = tensor.qscheme() == at::kPerTensorAffine;
  const bool per_channel = tensor.qscheme() == at::kPerChannelAffine ||
                           tensor.qscheme() == at::kPerChannelAffineFloatQParams;
  if (!per_tensor && !per_channel) {
    return unsupported(
        concat("torch.save does not write tensors quantized as ", at::toString(tensor.qscheme())),
        "Quantize it per tensor or per channel.");
  }
  pickle_.global("torch._utils", "_rebuild_qtensor");
  pickle_.open_tuple(7);
  HARDLOAD_TRY(storages_.refer(pickle_, tensor.storage(), dtype));
  write_geometry(tensor);
  pickle_.open_tuple(per_tensor ? 3 : 4);
  if (per_tensor) {
    pickle_.global("torch", "per_tensor_affine");
    pickle_.real(tensor.q_scale());
    pickle_.integer(tensor.q_zero_point());
  } else {
    pickle_.global("torch", "per_channel_affine");
    HARDLOAD_TRY(write_data(tensor.q_per_channel_scales()));
    HARDLOAD_TRY(write_data(tensor.q_per_channel_zero_points()));
    pickle_.integer(tensor.q_per_channel_axis());
  }
  pickle_.close_tuple(per_tensor ? 3 : 4);
  pickle_.boolean(tensor.requires_grad());
  write_no_hooks();
  pickle_.close_tuple(7);
  return {};
}

Result<void> TensorPickler::write_sparse(const at::Tensor& tensor) {
  const bool coo = tensor.layout() == c10::kSparse;
  const bool rows = tensor.layout() == c10::kSparseCsr || tensor.layout() == c10::kSparseBsr;
  pickle_.global("torch._utils", "_rebuild_sparse_tensor");
  pickle_.open_tuple(2);
  write_layout(*layout_name(tensor.layout()));
  pickle_.open_tuple(4);
  if (coo) {
    HARDLOAD_TRY(write_data(tensor._indices()));
    HARDLOAD_TRY(write_data(tensor._values()));
    write_size(tensor.sizes());
    pickle_.boolean(tensor.is_coalesced());
  } else {
    HARDLOAD_TRY(write_data(rows ? tensor.crow_indices() : tensor.ccol_indices()));
    HARDLOAD_TRY(write_data(rows ? tensor.col_indices() : tensor.row_indices()));
    HARDLOAD_TRY(write_data(tensor.values()));
    write_size(tensor.sizes());
  }
  pickle_.close_tuple(4);
  pickle_.close_tuple(2);
  return {};
}

// Torch keeps neither what meta tensors share nor where they begin.
void TensorPickler::write_meta(const at::Tensor& tensor, Dtype dtype) {
  pickle_.global("torch._utils", "_rebuild_meta_tensor_no_storage");
  pickle_.open_tuple(4);
  pickle_.global("torch", info(dtype).name);
  pickle_.integers({tensor.sizes().data(), tensor.sizes().size()});
  pickle_.integers({tensor.strides().data(), tensor.strides().size()});
  pickle_.boolean(tensor.requires_grad());
  pickle_.close_tuple(4);
}

void TensorPickler::write_geometry(const at::Tensor& tensor) {
  pickle_.integer(tensor.storage_offset());
  pickle_.integers({tensor.sizes().data(), tensor.sizes().size()});
  pickle_.integers({tensor.strides().data(), tensor.strides().size()});
}

// torch/_utils.py, get_tensor_metadata: the keys of bits that are set.
void TensorPickler::write_metadata(const at::Tensor& tensor) {
  struct Bit {
    std::string_view name;
    bool is_set;
  };
  const Bit bits[] = {{"neg", tensor.is_neg()}, {"conj", tensor.is_conj()}};
  const Batches batches(Batches::Kind::kDict, bits[0].is_set && bits[1].is_set ? 2 : 1);
  std::size_t i = 0;
  pickle_.empty_dict();
  for (const Bit& bit : bits) {
    if (!bit.is_set) continue;
    batches.before(pickle_, i);
    pickle_.text(bit.name);
    pickle_.boolean(true);
    batches.after(pickle_, i++);
  }
}

void TensorPickler::write_no_hooks() {
  pickle_.global("collections", "OrderedDict");
  pickle_.close_tuple(0);
  pickle_.op(Opcode::kReduce).put();
}

void TensorPickler::write_size(at::IntArrayRef sizes) {
  pickle_.global("torch", "Size");
  pickle_.open_tuple(1);
  pickle_.integers({sizes.data(), sizes.size()});
  call(1);
}

void TensorPickler::write_layout(std::string_view name) {
  const auto known = layouts_.find(name);
  if (known != layouts_.end()) return pickle_.get(known->second);
  pickle_.global("torch.serialization", "_get_layout");
  pickle_.open_tuple(1);
  pickle_.text(name);
  layouts_.emplace(name, call(1));
}

Result<void> TensorPickler::write_storage(const c10::Storage& storage, c10::ScalarType type) {
  const auto dtype = dtype_of(type);
  if (!storage || storage.device().is_meta() || !dtype) {
    return unsupported("this is no storage that can be saved", "Save a tensor of it.");
  }
  // Byte stands for an untyped one.
  if (*dtype == Dtype::kUInt8) return storages_.refer(pickle_, storage, Dtype::kBits8);
  if (storages_.is_untyped(storage, *dtype)) {
    return unsupported(concat("this storage cannot be one of ", info(*dtype).name,
                              ": there is no such class, or tensors view it as another type"),
                       "Save it untyped, with at::kByte.");
  }
  return storages_.refer(pickle_, storage, *dtype);
}

PickleWriter::Index TensorPickler::call(std::size_t arguments) {
  pickle_.close_tuple(arguments);
  return pickle_.op(Opcode::kReduce).put();
}

}  // namespace hardload
