// check_keys: that the keys of a dict, or the items of a set, are hashable and differ.
//
// Python compares keys by value across types (1, 1.0 and True are one key). Torch never writes a
// key twice; Python would keep the last, other readers the first, so such a file has no one
// meaning and is refused.
#pragma once

#include <cstdint>
#include <functional>

#include "loader/base/result.h"
#include "loader/pickle/value.h"

namespace hardload {

// Checks every `stride`-th of `slots` (2: the keys of a dict's items; 1: the items of a set).
// `charge` is called with the bytes of work before it is done, and may refuse it. Errors: kPickle
// for a list, set, dict or bytearray as key; kKey for a key that stands twice; those of `charge`.
Result<void> check_keys(const ValueGraph& graph, std::span<const Slot> slots, std::size_t stride,
                        const std::function<Result<void>(std::uint64_t)>& charge);

}  // namespace hardload
