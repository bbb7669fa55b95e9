// scalar_type, dtype_of: the LibTorch name of an element type, and the other way round.
#pragma once

#include <optional>

#include <c10/core/ScalarType.h>

#include "loader/base/dtype.h"

namespace hardload {

c10::ScalarType scalar_type(Dtype dtype);

// nullopt for types that torch.save does not write.
std::optional<Dtype> dtype_of(c10::ScalarType type);

}  // namespace hardload
