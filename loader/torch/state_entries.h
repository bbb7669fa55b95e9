// StateEntries: a state dict as the matcher sees it, its keys rewritten.
//
//   const StateEntries entries(state, rules);
//   const MatchReport report = match(spec, entries.entries(), entries.versions());
//
// Ownership: borrows the state dict. Threads: reading from any number of threads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "loader/match/match.h"
#include "loader/match/rename.h"
#include "loader/torch/state_dict.h"

namespace hardload {

class StateEntries {
 public:
  StateEntries(const StateDict& state, const KeyRules& rules);
  StateEntries(const StateEntries&) = delete;
  StateEntries& operator=(const StateEntries&) = delete;

  // In the order of the state dict.
  std::span<const StateEntry> entries() const { return entries_; }
  // Where the rules make two paths equal, that of a wrapper and that of the module in it, the one
  // that they changed comes first.
  std::span<const ModuleVersion> versions() const { return versions_; }

 private:
  std::vector<std::string> keys_, paths_;  // where there are rules
  std::vector<StateEntry> entries_;
  std::vector<ModuleVersion> versions_;
};

}  // namespace hardload
