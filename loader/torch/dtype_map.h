// scalar_type: the LibTorch name of an element type.
#pragma once

#include <c10/core/ScalarType.h>

#include "loader/base/dtype.h"

namespace hardload {

c10::ScalarType scalar_type(Dtype dtype);

}  // namespace hardload
