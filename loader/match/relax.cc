#include "loader/match/relax.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "loader/base/glob.h"

namespace hardload {
namespace {

bool is_any_of(const std::vector<std::string>& globs, std::string_view key) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return matches_glob(glob, key); });
}

void skip_shapes(MatchReport& report) {
  const auto first = std::stable_partition(
      report.mismatches.begin(), report.mismatches.end(),
      [](const MatchReport::Mismatch& m) { return !m.type.empty() || !m.exception.empty(); });
  std::move(first, report.mismatches.end(), std::back_inserter(report.skipped));
  report.mismatches.erase(first, report.mismatches.end());
}

// The numbers of the parameters that are loaded under some name.
std::unordered_set<std::uint32_t> loaded_objects(const MatchReport& report,
                                                 const ModuleSpec& module) {
  std::unordered_set<std::uint32_t> objects;
  for (const MatchReport::Copy& copy : report.copies) {
    objects.insert(module.nodes[copy.node].entries[copy.entry].object);
  }
  objects.erase(ModuleSpec::kNone);
  return objects;
}

void accept_missing(MatchReport& report, const ModuleSpec& module, const Relaxations& relaxations) {
  std::unordered_set<std::uint32_t> loaded;
  if (relaxations.accept_tied_names) loaded = loaded_objects(report, module);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < report.missing_keys.size(); ++i) {
    const MatchReport::Place place = report.missing_places[i];
    if (loaded.contains(module.nodes[place.node].entries[place.entry].object)) {
      report.tied_keys.push_back(std::move(report.missing_keys[i]));
    } else if (!is_any_of(relaxations.optional_keys, report.missing_keys[i])) {
      if (kept != i) report.missing_keys[kept] = std::move(report.missing_keys[i]);
      report.missing_places[kept++] = place;
    }
  }
  report.missing_keys.resize(kept);
  report.missing_places.resize(kept);
}

}  // namespace

void relax(MatchReport& report, const ModuleSpec& module, const Relaxations& relaxations) {
  if (relaxations.skip_mismatched_shapes) skip_shapes(report);
  if (relaxations.accept_tied_names || !relaxations.optional_keys.empty()) {
    accept_missing(report, module, relaxations);
  }
  if (!relaxations.ignore_unexpected.empty()) {
    std::erase_if(report.unexpected_keys, [&](std::string_view key) {
      return is_any_of(relaxations.ignore_unexpected, key);
    });
  }
}

}  // namespace hardload
