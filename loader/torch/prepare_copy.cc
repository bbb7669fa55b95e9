#include "loader/torch/prepare_copy.h"

#include <cstring>
#include <typeinfo>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/GradMode.h>
#include <c10/core/TensorImpl.h>

#include "loader/torch/host_memory.h"

namespace hardload {
namespace {

// Whether the tensor's elements are what its bytes in the CPU's memory say.
bool has_host_bytes(const at::Tensor& tensor) {
  return tensor.is_cpu() && is_plain(tensor) && !tensor.is_conj() && !tensor.is_neg() &&
         !tensor._is_zerotensor();
}

// Whether the elements of both, which have as many, stand in memory in the same order, without
// gaps.
bool are_alike(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_contiguous() && b.is_contiguous()) return true;
  return a.is_non_overlapping_and_dense() && a.sizes() == b.sizes() && a.strides() == b.strides();
}

// Whether the tensor is all of its storage, whose memory another may take the place of. A storage
// that may not be resized is one whose address somebody holds: a NumPy array does.
bool is_whole_storage(const at::Tensor& tensor) {
  return tensor.storage_offset() == 0 && tensor.nbytes() == tensor.storage().nbytes() &&
         tensor.storage().unsafeGetStorageImpl()->resizable() &&
         is_ordinary_memory(tensor.storage().data_ptr());
}

}  // namespace

bool is_plain(const at::Tensor& tensor) {
  const c10::TensorImpl& impl = *tensor.unsafeGetTensorImpl();
  return typeid(impl) == typeid(c10::TensorImpl);
}

PreparedCopy PreparedCopy::make(const at::Tensor& target, const at::Tensor& source) {
  const c10::NoGradGuard no_grad;
  if (has_host_bytes(target)) {
    // Memory that is shared until somebody writes to it is taken here, where that may fail.
    if (target.numel() > 0) target.mutable_data_ptr();
    const bool dense = target.is_non_overlapping_and_dense();
    if (source.scalar_type() == target.scalar_type() && has_host_bytes(source) && dense &&
        are_alike(target, source)) {
      return PreparedCopy(target, source, Way::kBytes);
    }
    const at::Tensor shaped = source.dim() == target.dim() ? source : source.select(0, 0);
    at::Tensor staged = dense ? at::empty_strided(target.sizes(), target.strides(),
                                                  target.options().requires_grad(false))
                              : at::empty(target.sizes(), target.options().requires_grad(false));
    staged.copy_(shaped);
    PreparedCopy copy(target, std::move(staged), dense ? Way::kBytes : Way::kStrided);
    copy.index_.resize(static_cast<std::size_t>(target.dim()));
    return copy;
  }
  at::Tensor converted = source.detach();
  if (converted.dim() == 1 && target.dim() == 0) converted = converted.select(0, 0);
  if (converted.scalar_type() != target.scalar_type() || converted.device() != target.device()) {
    converted = converted.to(target.options().requires_grad(false));
  }
  // A rehearsal, for targets of which it is not known what they refuse.
  if (!is_plain(target)) target.detach().clone().copy_(converted);
  return PreparedCopy(target.detach(), std::move(converted), Way::kTorch);
}

bool PreparedCopy::can_take_memory() const {
  return source_.use_count() == 1 && source_.storage().use_count() == 1 &&
         is_whole_storage(source_) && is_whole_storage(target_);
}

void PreparedCopy::publish(bool may_take_memory) {
  if (way_ == Way::kTorch) {
    const c10::NoGradGuard no_grad;
    target_.copy_(source_);  // counts its own version
    return;
  }
  if (target_.numel() > 0) {
    if (way_ == Way::kBytes && may_take_memory && can_take_memory()) {
      c10::DataPtr memory = source_.storage().unsafeGetStorageImpl()->set_data_ptr({});
      target_.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(memory));
    } else if (way_ == Way::kBytes) {
      // May be the same memory: a state dict of the module itself.
      std::memmove(target_.mutable_data_ptr(), source_.const_data_ptr(), target_.nbytes());
    } else {
      copy_strided();
    }
  }
  target_.unsafeGetTensorImpl()->bump_version();
  source_.reset();
}

void PreparedCopy::copy_strided() {
  const std::size_t item = target_.itemsize();
  auto* to = static_cast<std::byte*>(target_.mutable_data_ptr());
  const auto* from = static_cast<const std::byte*>(source_.const_data_ptr());
  const at::IntArrayRef sizes = target_.sizes(), strides = target_.strides();
  for (std::int64_t element = 0; element < target_.numel(); ++element, from += item) {
    std::memcpy(to, from, item);
    for (std::size_t i = index_.size(); i-- > 0;) {
      to += strides[i] * static_cast<std::int64_t>(item);
      if (++index_[i] < sizes[i]) break;
      to -= strides[i] * sizes[i] * static_cast<std::int64_t>(item);
      index_[i] = 0;
    }
  }
}

}  // namespace hardload
