#include "loader/match/near_names.h"

#include <algorithm>
#include <map>
#include <utility>

#include "loader/base/hash.h"

namespace hardload {
namespace {

constexpr std::size_t kMostCompared = 64;  // names on each side whose spelling is always compared
constexpr std::size_t kLongestCompared = 200;  // bytes of such a name
constexpr std::size_t kMostParts = 12;         // of a key
constexpr std::size_t kMostAlike = 8;          // keys that share all parts but one with a name
constexpr std::size_t kMostRules = 256;        // that are counted

// Levenshtein's distance, or `limit` where it is no smaller. Only cells within `limit` of the
// diagonal are computed.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap >= limit) return limit;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = std::min(j, limit);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t first = i > limit ? i - limit : 1;
    const std::size_t last = std::min(b.size(), i + limit);
    std::size_t diagonal = row[first - 1];
    row[first - 1] = first == 1 ? std::min(i, limit) : limit;
    std::size_t least = row[first - 1];
    for (std::size_t j = first; j <= last; ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute, limit});
      least = std::min(least, row[j]);
    }
    if (least >= limit) return limit;
  }
  return row[b.size()];
}

// A key without one of its parts: its hash, and which part.
struct Signature {
  std::uint64_t hash;
  std::size_t begin, end;  // of the part that is left out
};

// One for each of the first parts of a key that has several.
std::vector<Signature> signatures(std::string_view key, Work& work) {
  std::vector<Signature> out;
  if (key.size() > kLongestCompared || key.find('.') == key.npos) return out;
  for (std::size_t begin = 0; begin <= key.size() && out.size() < kMostParts;) {
    const std::size_t end = std::min(key.find('.', begin), key.size());
    if (!work.take(key.size())) return out;
    out.push_back(
        {seeded_hash(key.substr(0, begin)) * 3 + seeded_hash(key.substr(end)), begin, end});
    begin = end + 1;
  }
  return out;
}

class Finder {
 public:
  Finder(std::span<const std::string> missing, std::span<const std::string_view> unexpected,
         Work& work)
      : missing_(missing), unexpected_(unexpected), work_(work) {
    for (std::uint32_t i = 0; i < unexpected.size() && !work.is_spent(); ++i) {
      for (const Signature& s : signatures(unexpected[i], work)) index_.push_back({s.hash, i});
    }
    std::sort(index_.begin(), index_.end());
  }

  NearNames run() && {
    for (const std::string& name : missing_) {
      if (work_.is_spent()) break;
      look_at(name);
    }
    const auto most =
        std::max_element(rules_.begin(), rules_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const std::size_t half = std::min(missing_.size(), unexpected_.size()) / 2;
    if (most != rules_.end() && most->second > 1 && most->second > half) {
      found_.rename = Rename{most->first.first, most->first.second};
      found_.explained = most->second;
    }
    return std::move(found_);
  }

 private:
  void look_at(std::string_view name) {
    std::size_t best = name.size() / 3 + 1;
    std::optional<std::string_view> nearest;
    const auto compare = [&](std::string_view candidate) {
      if (candidate.size() > kLongestCompared) return;
      if (!work_.take(name.size() * std::min(2 * best + 1, candidate.size() + 1))) return;
      const std::size_t letters = distance(name, candidate, best);
      if (letters < best) {
        best = letters;
        nearest = candidate;
      }
    };
    for (const Signature& s : signatures(name, work_)) compare_alike(name, s, compare);
    if (name.size() <= kLongestCompared && looked_at_++ < kMostCompared) {
      const std::size_t count = std::min(unexpected_.size(), kMostCompared);
      for (std::size_t i = 0; i < count; ++i) compare(unexpected_[i]);
    }
    if (nearest && found_.pairs.size() < kMostNearNames) {
      found_.pairs.push_back({std::string(name), std::string(*nearest)});
    }
  }

  // The keys that are `name` but for the part that `s` leaves out.
  template <typename Compare>
  void compare_alike(std::string_view name, const Signature& s, const Compare& compare) {
    auto entry = std::lower_bound(index_.begin(), index_.end(),
                                  std::pair<std::uint64_t, std::uint32_t>{s.hash, 0});
    for (std::size_t i = 0; i < kMostAlike && entry != index_.end() && entry->first == s.hash;
         ++i, ++entry) {
      const std::string_view key = unexpected_[entry->second];
      if (!work_.take(key.size() + name.size())) return;
      const std::string_view before = name.substr(0, s.begin), after = name.substr(s.end);
      const bool alike = key.size() >= before.size() + after.size() && key.starts_with(before) &&
                         key.ends_with(after);
      if (!alike) continue;
      const Rename rule{std::string(key.substr(s.begin, key.size() - before.size() - after.size())),
                        std::string(name.substr(s.begin, s.end - s.begin))};
      if (!rule.from.empty() && renamed(rule, key) == name) count(rule);
      if (found_.pairs.size() < kMostNearNames) compare(key);
    }
  }

  void count(const Rename& rule) {
    const std::pair<std::string, std::string> key(rule.from, rule.to);
    const auto found = rules_.find(key);
    if (found != rules_.end()) {
      ++found->second;
    } else if (rules_.size() < kMostRules) {
      rules_.emplace(key, 1);
    }
  }

  std::span<const std::string> missing_;
  std::span<const std::string_view> unexpected_;
  Work& work_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> index_;  // signatures of unexpected_
  std::map<std::pair<std::string, std::string>, std::size_t> rules_;
  std::size_t looked_at_ = 0;
  NearNames found_;
};

}  // namespace

NearNames find_near_names(std::span<const std::string> missing,
                          std::span<const std::string_view> unexpected, Work& work) {
  if (missing.empty() || unexpected.empty()) return {};
  return Finder(missing, unexpected, work).run();
}

}  // namespace hardload
