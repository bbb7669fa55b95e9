#include "loader/pickle/tensor_calls.h"

#include <utility>

namespace hardload {

void TensorCalls::open(std::string_view module, std::string_view function, std::size_t arguments) {
  pickle_.global(module, function);
  are_arguments_.push_back(std::exchange(is_argument_, false));
  if (are_arguments_.back()) pickle_.global("torch", "Tensor");
  pickle_.open_tuple(arguments);
}

TensorCalls::Index TensorCalls::close(std::size_t arguments) {
  const Index tuple = pickle_.close_tuple(arguments);
  const bool is_argument = are_arguments_.back();
  are_arguments_.pop_back();
  return is_argument ? tuple : pickle_.op(Opcode::kReduce).put();
}

TensorCalls::Index TensorCalls::strided(const StorageReference& storage, Dtype dtype,
                                        const TensorView& view) {
  const bool untyped = storage.storage_class.empty();
  const bool has_metadata = view.is_conj || view.is_neg;
  const std::size_t arguments = 6u + (untyped ? 1 : 0) + (has_metadata ? 1 : 0);
  open("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2", arguments);
  write_storage(storage);
  geometry(view);
  pickle_.boolean(view.requires_grad);
  no_hooks();
  if (untyped) pickle_.global("torch", info(dtype).name);
  if (has_metadata) metadata(view);
  return close(arguments);
}

TensorCalls::Index TensorCalls::quantized(const StorageReference& storage, const TensorView& view,
                                          double scale, std::int64_t zero_point) {
  open("torch._utils", "_rebuild_qtensor", 7);
  write_storage(storage);
  geometry(view);
  pickle_.open_tuple(3);
  pickle_.global("torch", "per_tensor_affine");
  pickle_.real(scale);
  pickle_.integer(zero_point);
  pickle_.close_tuple(3);
  pickle_.boolean(view.requires_grad);
  no_hooks();
  return close(7);
}

// Torch writes this scheme's name for that of floats, too.
void TensorCalls::open_per_channel(const StorageReference& storage, const TensorView& view) {
  open("torch._utils", "_rebuild_qtensor", 7);
  write_storage(storage);
  geometry(view);
  pickle_.open_tuple(4);
  pickle_.global("torch", "per_channel_affine");
}

TensorCalls::Index TensorCalls::close_per_channel(std::int64_t axis, bool requires_grad) {
  pickle_.integer(axis);
  pickle_.close_tuple(4);
  pickle_.boolean(requires_grad);
  no_hooks();
  return close(7);
}

void TensorCalls::open_sparse(std::string_view layout, std::size_t parts,
                              std::optional<bool> is_coalesced) {
  sparse_.push_back({parts + 1 + (is_coalesced ? 1 : 0), is_coalesced});
  open("torch._utils", "_rebuild_sparse_tensor", 2);
  write_layout(layout);
  pickle_.open_tuple(sparse_.back().items);
}

TensorCalls::Index TensorCalls::close_sparse(std::span<const std::int64_t> sizes) {
  const Sparse sparse = sparse_.back();
  sparse_.pop_back();
  write_size(sizes);
  if (sparse.is_coalesced) pickle_.boolean(*sparse.is_coalesced);
  pickle_.close_tuple(sparse.items);
  return close(2);
}

TensorCalls::Index TensorCalls::meta(Dtype dtype, std::span<const std::int64_t> sizes,
                                     std::span<const std::int64_t> strides, bool requires_grad) {
  open("torch._utils", "_rebuild_meta_tensor_no_storage", 4);
  pickle_.global("torch", info(dtype).name);
  pickle_.integers(sizes);
  pickle_.integers(strides);
  pickle_.boolean(requires_grad);
  return close(4);
}

void TensorCalls::open_parameter(bool has_state) {
  parameters_.push_back(has_state ? 4 : 3);
  open("torch._utils", has_state ? "_rebuild_parameter_with_state" : "_rebuild_parameter",
       parameters_.back());
}

void TensorCalls::after_parameter_data(bool requires_grad) {
  pickle_.boolean(requires_grad);
  no_hooks();
}

TensorCalls::Index TensorCalls::close_parameter() {
  const std::size_t arguments = parameters_.back();
  parameters_.pop_back();
  return close(arguments);
}

void TensorCalls::open_with_attributes() {
  open("torch._tensor", "_rebuild_from_type_v2", 4);
  is_argument_ = true;
}

TensorCalls::Index TensorCalls::close_with_attributes() { return close(4); }

void TensorCalls::write_storage(const StorageReference& storage) {
  const bool untyped = storage.storage_class.empty();
  pickle_.open_tuple(5);
  pickle_.constant("storage");
  pickle_.global(untyped ? "torch.storage" : "torch",
                 untyped ? "UntypedStorage" : storage.storage_class);
  if (storage.number < keys_.size()) {
    pickle_.get(keys_[storage.number]);
  } else {
    keys_.push_back(pickle_.text(std::to_string(storage.number)));
  }
  // These two stand in torch's source; Python makes the others anew each time
  // (torch/serialization.py, location_tag).
  if (storage.location == "cpu" || storage.location == "mps") {
    pickle_.constant(storage.location);
  } else {
    pickle_.text(storage.location);
  }
  pickle_.integer(static_cast<std::int64_t>(storage.elements));
  pickle_.close_tuple(5);
  pickle_.op(Opcode::kBinPersId);
}

void TensorCalls::write_layout(std::string_view name) {
  const auto known = layouts_.find(name);
  if (known != layouts_.end()) return pickle_.get(known->second);
  pickle_.global("torch.serialization", "_get_layout");
  pickle_.open_tuple(1);
  pickle_.text(name);
  pickle_.close_tuple(1);
  layouts_.emplace(name, pickle_.op(Opcode::kReduce).put());
}

TensorCalls::Index TensorCalls::write_size(std::span<const std::int64_t> sizes) {
  pickle_.global("torch", "Size");
  pickle_.open_tuple(1);
  pickle_.integers(sizes);
  pickle_.close_tuple(1);
  return pickle_.op(Opcode::kReduce).put();
}

void TensorCalls::geometry(const TensorView& view) {
  pickle_.integer(view.offset);
  pickle_.integers(view.sizes);
  pickle_.integers(view.strides);
}

// torch/_utils.py, get_tensor_metadata: the keys of bits that are set.
void TensorCalls::metadata(const TensorView& view) {
  struct Bit {
    std::string_view name;
    bool is_set;
  };
  const Bit bits[] = {{"neg", view.is_neg}, {"conj", view.is_conj}};
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

void TensorCalls::no_hooks() {
  pickle_.global("collections", "OrderedDict");
  pickle_.close_tuple(0);
  pickle_.op(Opcode::kReduce).put();
}

}  // namespace hardload
