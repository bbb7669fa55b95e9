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

struct KeyBounds {
  // Called with the bytes of work before it is done; may refuse it.
  std::function<Result<void>(std::uint64_t)> charge;
  std::uint64_t max_depth;  // of tuples inside each other
};

// Checks every `stride`-th of `slots` (2: the keys of a dict's items; 1: the items of a set).
// Errors: kPickle for a list, set, dict or bytearray as key; kKey for a key that stands twice;
// kLimit for one nested too deep; those of `charge`.
Result<void> check_keys(const ValueGraph& graph, std::span<const Slot> slots, std::size_t stride,
                        const KeyBounds& bounds);

}  // namespace hardload
