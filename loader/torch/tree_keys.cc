#include "loader/torch/tree_keys.h"

#include <cmath>
#include <utility>
#include <vector>

#include "loader/base/text.h"

namespace hardload {

bool is_hashable(const Tree& tree, std::unordered_set<const void*>& checked) {
  std::vector<const Tree*> open = {&tree};
  while (!open.empty()) {
    const Tree& next = *open.back();
    open.pop_back();
    switch (next.kind()) {
      case ValueKind::kList:
      case ValueKind::kSet:
      case ValueKind::kDict:
      case ValueKind::kOrderedDict:
      case ValueKind::kCounter:
      case ValueKind::kByteArray: return false;
      case ValueKind::kTuple:
        if (!checked.insert(next.identity()).second) break;
        for (const Tree& item : next.items()) open.push_back(&item);
        break;
      default: break;
    }
  }
  return true;
}

std::string key_text(const Tree& key) {
  if (key.kind() == ValueKind::kString) return std::string(key.text().substr(0, 200));
  if (key.kind() == ValueKind::kInt) return std::to_string(*key.as_int());
  return concat("<", python_type_name(key.kind()), ">");
}

bool KeySet::insert(const Tree& key) {
  switch (key.kind()) {
    case ValueKind::kNone: return !std::exchange(has_none_, true);
    case ValueKind::kBool:
    case ValueKind::kInt: return integers_.insert(*key.as_int()).second;
    case ValueKind::kFloat: {
      const double value = *key.as_float();
      if (std::isnan(value)) return true;               // differs from all others
      constexpr double kLimit = 9223372036854775808.0;  // 2^63
      if (value == std::floor(value) && value >= -kLimit && value < kLimit) {
        return integers_.insert(static_cast<std::int64_t>(value)).second;
      }
      return fractions_.insert(value).second;
    }
    case ValueKind::kString: return texts_.insert(key.text()).second;
    case ValueKind::kBytes: return bytes_.insert(key.text()).second;
    default: return true;
  }
}

}  // namespace hardload
