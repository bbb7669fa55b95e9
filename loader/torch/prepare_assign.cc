#include "loader/torch/prepare_assign.h"

#include <mutex>

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/TensorImpl.h>
#include <torch/csrc/autograd/variable.h>

#include "loader/base/text.h"
#include "loader/torch/prepare_copy.h"

namespace hardload {
namespace {

Error refuse(std::string_view why, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, std::string(why)).advise(advice);
}

}  // namespace

Result<PreparedAssign> PreparedAssign::make(const at::Tensor& target, const at::Tensor& source) {
  constexpr std::string_view kCopyIt = "Load it without assign, which copies the elements.";
  if (target.requires_grad() && !c10::isFloatingType(source.scalar_type()) &&
      !c10::isComplexType(source.scalar_type())) {
    return Error(ErrorKind::kKey, Stage::kTorch,
                 "Only Tensors of floating point and complex dtype can require gradients")
        .advise(concat("The file has a tensor of ", c10::toString(source.scalar_type()),
                       ": call requires_grad_(false) on the parameter first, or load without "
                       "assign, which casts."));
  }
  if (source.is_meta()) {
    return refuse("is on the meta device in the state dict and has no data", kLoadData);
  }
  if (!is_plain(target) || !is_plain(source)) {
    return refuse(
        "is not an ordinary strided tensor on both sides: LibTorch cannot let one take "
        "the place of the other",
        kCopyIt);
  }
  if (target.grad_fn() != nullptr) {
    return refuse("is computed from other tensors, not a leaf", kCopyIt);
  }
  const c10::NoGradGuard no_grad;
  at::Tensor taken = source.detach();
  if (source.requires_grad() || source.is_inference() != target.is_inference()) {
    const c10::InferenceMode mode(target.is_inference());
    taken = source.detach().clone();
  }
  if (taken.dim() == 1 && target.dim() == 0) taken = taken.select(0, 0);
  return PreparedAssign(target, std::move(taken));
}

void PreparedAssign::publish() {
  c10::TensorImpl& impl = *target_.unsafeGetTensorImpl();
  impl.shallow_copy_from(source_.getIntrusivePtr());
  impl.bump_version();
  // Both are of the old dtype and device.
  auto* autograd = torch::autograd::impl::get_autograd_meta(target_);
  if (autograd == nullptr) return;
  at::Tensor gradient;  // dies after the lock
  const std::lock_guard<std::mutex> lock(autograd->mutex_);
  autograd->grad_accumulator_.reset();
  std::swap(autograd->grad_, gradient);
}

}  // namespace hardload
