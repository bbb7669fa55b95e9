// PreparedCopy: new elements for a parameter or buffer, converted so far that what is left to do
// cannot fail.
//
//   HARDLOAD_ASSIGN(PreparedCopy copy, PreparedCopy::make(target, source));
//   ...                                        // everything else that can go wrong
//   copy.publish();
//
// Ownership: shares the memory of both tensors. Threads: nobody else may use the target.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"

namespace hardload {

class PreparedCopy {
 public:
  // Elements of `source`, which has the target's shape or one element for a target of shape [].
  // Does what Tensor::copy_ does: casts, crosses devices, applies conj and neg bits. May throw what
  // LibTorch throws.
  static PreparedCopy make(const at::Tensor& target, const at::Tensor& source);

  // Whether publish() can still fail: the target is not in the CPU's memory, or of a kind that
  // LibTorch alone can write to.
  bool may_fail() const { return way_ == Way::kTorch; }

  // Changes the target, and tells autograd. Only where may_fail(): may throw what LibTorch throws.
  // With `may_take_memory` and where nobody else has the source, nothing is copied: its memory
  // takes the place of the target's storage's. All tensors that view the storage see it; raw
  // pointers to the old memory are stale.
  void publish(bool may_take_memory = false);

 private:
  enum class Way {
    kBytes,    // both lie in memory in the same order, without gaps
    kStrided,  // the source without gaps, the target with
    kTorch,
  };
  PreparedCopy(at::Tensor target, at::Tensor source, Way way)
      : target_(std::move(target)), source_(std::move(source)), way_(way) {}

  bool can_take_memory() const;
  void copy_strided();

  at::Tensor target_;
  at::Tensor source_;
  Way way_;
  std::vector<std::int64_t> index_;  // of kStrided: room for one of the target's elements
};

// Whether `tensor` is an ordinary strided tensor: no sparse, quantized or wrapped one.
bool is_plain(const at::Tensor& tensor);

// What to do about a source on the meta device.
inline constexpr std::string_view kLoadData = "Load the file without map_location \"meta\".";

}  // namespace hardload
