// element_value: the number that the bits of one tensor element mean.
//
//   if (has_element_values(dtype)) use(element_value(dtype, bytes).real);
//
// Threads: functions of their arguments alone.
#pragma once

#include <cstddef>

#include "loader/base/dtype.h"

namespace hardload {

// long double holds every 64-bit integer and every difference of two doubles that matters.
struct ElementValue {
  long double real = 0;
  long double imaginary = 0;
};

// Whether elements of this type are numbers: not the bits types and those that put several elements
// into a byte.
bool has_element_values(Dtype dtype);

// The value of the little-endian element at `element`; of a quantized type, the stored integer.
// Only where has_element_values(dtype). The small floats are as in LibTorch's headers
// (torch/headeronly/util/Float8_e4m3fn.h and the files beside it).
ElementValue element_value(Dtype dtype, const std::byte* element);

}  // namespace hardload
