#include "loader/match/diagnose.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "loader/base/escape.h"
#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

constexpr std::size_t kMostCompared = 64;  // names on each side whose spelling is compared
constexpr std::size_t kLongestCompared = 200;
constexpr std::size_t kMostShown = 5;

std::string quoted(std::string_view key) { return "\"" + escape_for_display(key) + "\""; }

// The first part of a key with its dot, or "" where it has one part only.
std::string_view first_part(std::string_view key) {
  const auto dot = key.find('.');
  return dot == key.npos ? std::string_view() : key.substr(0, dot + 1);
}

// The prefix that all of `longer` begin with and without which most of them are in `shorter`.
template <typename Longer, typename Shorter>
std::optional<std::string_view> common_prefix(const Longer& longer, const Shorter& shorter) {
  if (longer.empty() || shorter.empty()) return std::nullopt;
  NameIndex wanted(shorter.size());
  const auto is_key = [&](std::string_view key) {
    return [&shorter, key](std::uint32_t i) { return shorter[i] == key; };
  };
  for (std::uint32_t i = 0; i < shorter.size(); ++i) {
    wanted.insert(seeded_hash(shorter[i]), i, is_key(shorter[i]));
  }
  std::string_view prefix;
  const std::string_view first = longer[0];
  // Prefixes may be stacked: `_orig_mod.module.`.
  for (int parts = 0; parts < 3; ++parts) {
    const std::string_view next = first_part(first.substr(prefix.size()));
    if (next.empty()) return std::nullopt;
    prefix = first.substr(0, prefix.size() + next.size());
    std::size_t hits = 0;
    for (const std::string_view key : longer) {
      if (!key.starts_with(prefix)) return std::nullopt;
      const std::string_view rest = key.substr(prefix.size());
      if (wanted.find(seeded_hash(rest), is_key(rest))) ++hits;
    }
    if (2 * hits > std::min(longer.size(), shorter.size())) return prefix;
  }
  return std::nullopt;
}

// Levenshtein's distance, or `limit` where it is no smaller.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return std::min(row[b.size()], limit);
}

// "fc.bais" for "fc.bias": pairs of missing and unexpected names that differ in a few letters.
std::string nearest_names(const MatchReport& report) {
  std::string text;
  std::size_t shown = 0;
  const std::size_t missing = std::min(report.missing_keys.size(), kMostCompared);
  const std::size_t unexpected = std::min(report.unexpected_keys.size(), kMostCompared);
  for (std::size_t i = 0; i < missing && shown < kMostShown; ++i) {
    const std::string_view wanted = report.missing_keys[i];
    if (wanted.size() > kLongestCompared) continue;
    std::size_t best = wanted.size() / 3 + 1;
    std::optional<std::string_view> nearest;
    for (std::size_t j = 0; j < unexpected; ++j) {
      const std::string_view candidate = report.unexpected_keys[j];
      if (candidate.size() > kLongestCompared) continue;
      const std::size_t candidate_distance = distance(wanted, candidate, best);
      if (candidate_distance < best) {
        best = candidate_distance;
        nearest = candidate;
      }
    }
    if (!nearest) continue;
    append(text, shown++ == 0 ? "Nearest names: " : "; ", quoted(wanted), " is missing, ",
           quoted(*nearest), " is there");
  }
  if (!text.empty()) text += ". ";
  return text;
}

// A dict among the values: the state dict may be one level down. Where there are several, under the
// names that training scripts give it.
std::optional<std::string_view> nested_dict(std::span<const StateEntry> state) {
  constexpr std::string_view kUsual[] = {"state_dict", "model_state_dict", "model", "params",
                                         "net"};
  std::optional<std::string_view> first;
  for (const StateEntry& entry : state) {
    if (entry.type != "dict" && entry.type != "collections.OrderedDict") continue;
    if (std::find(std::begin(kUsual), std::end(kUsual), entry.key) != std::end(kUsual))
      return entry.key;
    if (!first) first = entry.key;
  }
  return first;
}

std::string cause(const MatchReport& report, std::span<const StateEntry> state) {
  if (report.copies.empty()) {
    if (const auto key = nested_dict(state)) {
      return concat("Likely cause: the state dict is nested in the file; load the dict under ",
                    quoted(*key), ".");
    }
  }
  if (const auto prefix = common_prefix(report.unexpected_keys, report.missing_keys)) {
    return concat("Likely cause: the file's keys begin with ", quoted(*prefix),
                  ", the model's do not (DataParallel and torch.compile add such prefixes).");
  }
  if (const auto prefix = common_prefix(report.missing_keys, report.unexpected_keys)) {
    return concat("Likely cause: the model's names begin with ", quoted(*prefix),
                  ", the file's keys do not.");
  }
  const auto is_tensor = [](const MatchReport::Mismatch& m) { return m.type.empty(); };
  if (std::any_of(report.mismatches.begin(), report.mismatches.end(), is_tensor) &&
      report.missing_keys.empty() && report.unexpected_keys.empty()) {
    return "Likely cause: the model has the same layers in other sizes than the one that was "
           "saved (number of classes, vocabulary, width).";
  }
  if (report.copies.empty()) return "Likely cause: the file belongs to another model.";
  if (report.unexpected_keys.empty()) {
    return "Likely cause: the model has layers that the saved one did not have.";
  }
  if (report.missing_keys.empty()) {
    return "Likely cause: the saved model has layers that this one does not have; strict = false "
           "ignores them.";
  }
  return "Likely cause: the model is of another version or configuration than the one that was "
         "saved.";
}

}  // namespace

std::string diagnose(const MatchReport& report, std::span<const StateEntry> state) {
  return nearest_names(report) + cause(report, state);
}

}  // namespace hardload
