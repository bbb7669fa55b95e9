// require_same_algorithm: which of Python's optimizers saved a state.
//
// A state dict does not say so; the names of its options do: of torch 1.6 to 2.11. AdamW's are
// Adam's, but for decoupled_weight_decay, which older versions do not have.
#pragma once

#include <string_view>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Checks that `group` holds options of `algorithm`, a class of LibTorch's, and that they ask for
// nothing which LibTorch's class of this name cannot do. `path` is what messages call the group.
// Errors: kKey, kUnsupported.
Result<void> require_same_algorithm(std::string_view algorithm, Value group, std::string_view path);

}  // namespace hardload
