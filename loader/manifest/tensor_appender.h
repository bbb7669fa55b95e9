// TensorAppender: the tensors of one Manifest, behind those of another.
#pragma once

#include <cstdint>

#include "loader/manifest/manifest.h"

namespace hardload {

class TensorAppender {
 public:
  // All tensors of `part`, with the numbers of what they refer to counted on: storages from how
  // many `whole` has, to which the caller adds those of the part next. The number of the first.
  static std::uint32_t append(Manifest& whole, const Manifest& part);
};

}  // namespace hardload
