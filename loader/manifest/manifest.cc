#include "loader/manifest/manifest.h"

#include <algorithm>

namespace hardload {

std::vector<Value> Manifest::path(const NamedTensor& named) const {
  std::vector<Value> keys;
  for (std::uint32_t step = named.path; step != 0; step = steps_[step].parent) {
    keys.emplace_back(graph_, steps_[step].key);
  }
  std::reverse(keys.begin(), keys.end());
  return keys;
}

}  // namespace hardload
