// check_round_trip: what save() writes is loaded as what was saved, and saved again as it was.
#pragma once

#include "loader/base/limits.h"
#include "loader/torch/tree.h"

namespace hardload::fuzz {

// Whether `tree` was saved; otherwise, the error is one that save() announces. What was saved comes
// back the same object, and gives the same bytes when it is saved again.
bool check_round_trip(const Tree& tree, const Limits& limits);

}  // namespace hardload::fuzz
