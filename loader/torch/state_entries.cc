#include "loader/torch/state_entries.h"

#include <string_view>

namespace hardload {
namespace {

StateEntry entry_of(const StateDict::Entry& entry, std::string_view key) {
  if (!entry.tensor.defined()) {
    return {key, entry.type.empty() ? std::string_view("NoneType") : entry.type, {}};
  }
  const auto sizes = entry.tensor.sizes();
  return {key, {}, {sizes.data(), sizes.size()}};
}

}  // namespace

StateEntries::StateEntries(const StateDict& state, const KeyRules& rules) {
  entries_.reserve(state.entries.size());
  if (rules.empty()) {
    for (const StateDict::Entry& entry : state.entries) {
      entries_.push_back(entry_of(entry, entry.key));
    }
    for (const StateDict::Version& version : state.versions) {
      versions_.push_back({version.path, version.version});
    }
    return;
  }
  for (const StateDict::Entry& entry : state.entries) {
    keys_.push_back(rewritten_key(rules, entry.key));
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    entries_.push_back(entry_of(state.entries[i], keys_[i]));
  }
  for (const StateDict::Version& version : state.versions) {
    paths_.push_back(rewritten_path(rules, version.path));
  }
  for (const bool changed : {true, false}) {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const StateDict::Version& version = state.versions[i];
      if ((paths_[i] != version.path) == changed) versions_.push_back({paths_[i], version.version});
    }
  }
}

}  // namespace hardload
