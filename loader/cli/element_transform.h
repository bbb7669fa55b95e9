// ElementTransform: what the conj and neg bits of a tensor do to its elements.
#pragma once

#include <cstddef>
#include <span>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

class ElementTransform {
 public:
  // Errors: kUnsupported for a neg bit on a dtype that cannot be negated.
  static Result<ElementTransform> of(const TensorSpec& tensor);

  bool is_nothing() const { return sign_step_ == 0 && negate_unit_ == 0; }
  // In place, to whole elements.
  void apply(std::span<std::byte> elements) const;

 private:
  std::size_t sign_step_ = 0;    // flip the top bit of the last byte of each so many bytes,
  std::size_t sign_first_ = 0;   // the first of these after so many bytes; 0: nothing
  std::size_t negate_unit_ = 0;  // negate integers of this size; 0: nothing
};

}  // namespace hardload
