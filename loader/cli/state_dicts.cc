#include "loader/cli/state_dicts.h"

#include <deque>
#include <unordered_set>
#include <utility>

#include "loader/base/text.h"
#include "loader/cli/value_json.h"

namespace hardload {
namespace {

constexpr std::size_t kMostContainers = 1 << 14;  // that are looked at
constexpr std::size_t kLongestPath = 256;

bool has_string_keys(Value dict) {
  for (std::size_t i = 0; i < dict.size(); ++i) {
    if (!dict.key(i).as_string()) return false;
  }
  return true;
}

bool has_only_tensors(Value dict) {
  for (std::size_t i = 0; i < dict.size(); ++i) {
    if (dict.item(i).kind() != ValueKind::kTensor) return false;
  }
  return dict.size() != 0;
}

}  // namespace

std::vector<NestedStateDict> find_state_dicts(const Manifest& manifest) {
  struct Branch {
    Value value;
    std::string path;
  };
  std::vector<NestedStateDict> found;
  std::unordered_set<std::size_t> seen;
  std::deque<Branch> branches = {{manifest.root(), ""}};
  for (std::size_t looked_at = 0; !branches.empty() && looked_at < kMostContainers; ++looked_at) {
    const auto [value, path] = std::move(branches.front());
    branches.pop_front();
    if (value.is_mapping()) {
      if (!has_string_keys(value)) continue;
      if (looked_at != 0 && has_only_tensors(value)) {
        NestedStateDict dict{.path = path, .tensors = value.size(), .bytes = 0};
        for (std::size_t i = 0; i < value.size(); ++i) {
          dict.bytes += manifest.nbytes(manifest.tensors()[value.item(i).number()]);
        }
        found.push_back(std::move(dict));
        continue;
      }
    }
    for (std::size_t i = 0; i < value.size() && branches.size() < kMostContainers; ++i) {
      const Value item = value.item(i);
      if (!item.is_mapping() && !item.is_sequence()) continue;
      if (has_identity(item) && !seen.insert(item.identity()).second) continue;
      std::string step = value.is_mapping() ? std::string(*value.key(i).as_string()) : concat(i);
      if (path.size() + step.size() > kLongestPath) continue;
      branches.push_back({item, path.empty() ? std::move(step) : concat(path, ".", step)});
    }
  }
  return found;
}

}  // namespace hardload
