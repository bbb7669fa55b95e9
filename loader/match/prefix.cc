#include "loader/match/prefix.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "loader/base/text.h"

namespace hardload {
namespace {

constexpr std::size_t kMostParts = 16;   // of a key that are looked at
constexpr std::size_t kLongestRun = 3;   // parts of a prefix inside of a key
constexpr std::size_t kMostVotes = 256;  // different prefixes that are counted

// Where the parts of a key begin; at most kMostParts of them.
std::vector<std::size_t> part_starts(std::string_view key) {
  std::vector<std::size_t> starts = {0};
  for (std::size_t dot = key.find('.'); dot != key.npos && starts.size() < kMostParts;
       dot = key.find('.', dot + 1)) {
    starts.push_back(dot + 1);
  }
  return starts;
}

// Counts how many keys each candidate explains.
template <typename Candidate>
class Votes {
 public:
  void add(const Candidate& candidate) {
    const auto found = counts_.find(candidate);
    if (found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < kMostVotes) {
      counts_.emplace(candidate, 1);
    }
  }

  // The candidate with most votes, or nullptr where there are none.
  const std::pair<const Candidate, std::size_t>* winner() const {
    const auto most =
        std::max_element(counts_.begin(), counts_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == counts_.end() ? nullptr : &*most;
  }

 private:
  std::map<Candidate, std::size_t> counts_;
};

// The part of `key` up to a dot without which it is in `names`; the shortest.
std::string_view prefix_of(std::string_view key, const NameSet& names, Work& work) {
  const auto starts = part_starts(key);
  for (std::size_t i = 1; i < starts.size(); ++i) {
    const std::string_view rest = key.substr(starts[i]);
    if (!work.take(rest.size())) return {};
    if (names.contains(rest)) return key.substr(0, starts[i]);
  }
  return {};
}

// The name without its number: layers.3 and layers.4 are cases of one rule.
std::string with_stars(std::string_view path) {
  std::string out;
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    out += number ? "*" : part;
    if (dot == path.npos) return out;
    out += '.';
    path.remove_prefix(dot + 1);
  }
}

// A rule as something that can be counted.
using RulePair = std::pair<std::string, std::string>;  // from, to

// The rules that take parts out of the middle of `key`, so that it is in `names`.
void vote_for_inner_of_file(std::string_view key, const NameSet& names, Work& work,
                            Votes<RulePair>& votes) {
  const auto starts = part_starts(key);
  for (std::size_t i = 1; i + 1 < starts.size(); ++i) {
    for (std::size_t run = 1; run <= kLongestRun && i + run < starts.size(); ++run) {
      const std::string_view removed =
          key.substr(starts[i], starts[i + run] - starts[i] - 1);  // without its last dot
      if (!work.take(2 * key.size())) return;
      if (names.contains(renamed({std::string(removed), ""}, key))) {
        votes.add({std::string(removed), ""});
      }
    }
  }
}

// The rules that put parts into the middle of a key of the file, so that it becomes `name`.
void vote_for_inner_of_model(std::string_view name, const NameSet& keys, Work& work,
                             Votes<RulePair>& votes) {
  const auto starts = part_starts(name);
  for (std::size_t i = 1; i + 1 < starts.size(); ++i) {
    for (std::size_t run = 1; run <= kLongestRun && i + run < starts.size(); ++run) {
      if (!work.take(2 * name.size())) return;
      const std::string key = concat(name.substr(0, starts[i]), name.substr(starts[i + run]));
      if (!keys.contains(key)) continue;
      const std::string from = with_stars(name.substr(0, starts[i] - 1));
      const std::string to =
          concat(from, ".", name.substr(starts[i], starts[i + run] - starts[i] - 1));
      if (work.take(name.size()) && renamed({from, to}, key) == name) votes.add({from, to});
    }
  }
}

template <typename Names, typename Vote>
const std::pair<const RulePair, std::size_t>* vote(const Names& names, Votes<RulePair>& votes,
                                                   const Work& work, const Vote& vote_of) {
  for (const std::string_view name : names) {
    if (work.is_spent()) break;
    vote_of(name, votes);
  }
  return votes.winner();
}

}  // namespace

std::string_view leading_prefix(std::span<const std::string_view> keys, const NameSet& names,
                                Work& work, std::size_t& hits) {
  Votes<std::string_view> votes;
  for (const std::string_view key : keys) {
    if (work.is_spent()) break;
    const std::string_view prefix = prefix_of(key, names, work);
    if (!prefix.empty()) votes.add(prefix);
  }
  const auto* winner = votes.winner();
  hits = winner == nullptr ? 0 : winner->second;
  return winner == nullptr ? std::string_view() : winner->first;
}

std::optional<PrefixFinding> find_prefix(std::span<const std::string> missing,
                                         std::span<const std::string_view> unexpected, Work& work) {
  using Side = PrefixFinding::Side;
  if (missing.empty() || unexpected.empty()) return std::nullopt;
  const std::size_t half = std::min(missing.size(), unexpected.size()) / 2;
  const NameSet wanted(missing), there(unexpected);
  const std::vector<std::string_view> missing_views(missing.begin(), missing.end());

  std::size_t hits = 0;
  std::string_view prefix = leading_prefix(unexpected, wanted, work, hits);
  if (hits > half) return PrefixFinding{Side::kFile, std::string(prefix), std::nullopt, hits};
  prefix = leading_prefix(missing_views, there, work, hits);
  if (hits > half) return PrefixFinding{Side::kModel, std::string(prefix), std::nullopt, hits};

  Votes<RulePair> file_votes, model_votes;
  const auto* inner = vote(unexpected, file_votes, work, [&](std::string_view key, auto& votes) {
    vote_for_inner_of_file(key, wanted, work, votes);
  });
  if (inner != nullptr && inner->second > half) {
    const auto& [rule, count] = *inner;
    return PrefixFinding{Side::kFile, rule.first + ".", Rename{rule.first, rule.second}, count};
  }
  inner = vote(missing, model_votes, work, [&](std::string_view name, auto& votes) {
    vote_for_inner_of_model(name, there, work, votes);
  });
  if (inner != nullptr && inner->second > half) {
    const auto& [rule, count] = *inner;
    return PrefixFinding{Side::kModel, rule.second.substr(rule.first.size() + 1) + ".",
                         Rename{rule.first, rule.second}, count};
  }
  return std::nullopt;
}

}  // namespace hardload
