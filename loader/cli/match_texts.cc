#include "loader/cli/match_texts.h"

#include <algorithm>
#include <numeric>

namespace hardload {
namespace {

std::vector<std::uint32_t> sorted(const std::vector<std::string>& texts) {
  std::vector<std::uint32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t i, std::uint32_t j) { return texts[i] < texts[j]; });
  return order;
}

}  // namespace

std::vector<TextMatch> match_texts(const std::vector<std::string>& a,
                                   const std::vector<std::string>& b) {
  std::vector<TextMatch> matches(a.size());
  for (std::uint32_t i = 0; i < a.size(); ++i) matches[i].a = i;
  if (a == b) {  // mostly
    for (std::uint32_t i = 0; i < b.size(); ++i) matches[i].b = i;
    return matches;
  }
  const auto in_a = sorted(a), in_b = sorted(b);
  std::vector<bool> used(b.size());
  for (std::size_t i = 0, j = 0; i < in_a.size() && j < in_b.size();) {
    const int order = a[in_a[i]].compare(b[in_b[j]]);
    if (order == 0) {
      matches[in_a[i]].b = in_b[j];
      used[in_b[j]] = true;
    }
    i += order <= 0;
    j += order >= 0;
  }
  for (std::uint32_t j = 0; j < b.size(); ++j) {
    if (!used[j]) matches.push_back({.a = std::nullopt, .b = j});
  }
  return matches;
}

}  // namespace hardload
