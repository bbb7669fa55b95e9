// compare_values: how the values beside the tensors of two checkpoints differ.
//
// Numbers, texts and the rest are the same if inspect shows them the same: 1, 1.0 and True are
// three values, NaN is NaN. The order of entries is none of a dict, and neither is whether it is an
// OrderedDict. Python attributes (`_metadata`) are not looked at, nor where storages were. Tensors
// are compared elsewhere: here they are as if they were not there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/pickle/value.h"

namespace hardload {

// A step of the way to a value, and the step before it. Step 0 is the root.
struct ValueStep {
  std::uint32_t parent = 0;
  bool is_in_b = false;  // whose key it is
  // The key of a dict, the element itself of a set; the index; or what part it is of an object that
  // was not made. Nothing for the root.
  std::variant<std::monostate, Value, std::uint64_t, std::string_view> place;
};

// A value of one file that is not in the other (nullopt there), or another one.
struct ValueDifference {
  std::uint32_t step;
  std::optional<Value> a, b;
};

struct ValuesDifference {
  std::vector<ValueStep> steps;
  std::vector<ValueDifference> found;
  std::uint64_t compared = 0;  // values other than containers that are in both

  // The steps to `found` from the root.
  std::vector<ValueStep> path(const ValueDifference& difference) const;
};

// Whether storage `a` of the one manifest has the same bytes as storage `b` of the other.
using SameStorage = std::function<Result<bool>(std::size_t a, std::size_t b)>;

// Containers that both files share in the same way are compared once. Does not recurse. Errors:
// kLimit where that takes more than `work` steps; those of `same_storage`.
Result<ValuesDifference> compare_values(const Manifest& a, const Manifest& b, std::uint64_t work,
                                        const SameStorage& same_storage);

}  // namespace hardload
