// shape_text: the sizes of a tensor for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "loader/base/text.h"

namespace hardload {

// "[2, 3]"; "[]" of a scalar.
inline std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) append(text, i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

}  // namespace hardload
