#include "loader/match/match.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"

namespace hardload {
namespace {

constexpr std::string_view kExtraState = "_extra_state";
constexpr std::string_view kBatchCount = "num_batches_tracked";
constexpr std::int64_t kFirstWithBatchCount = 2;  // version of BatchNorm

// PyTorch 0.3 had no 0-dimensional tensors; what it saved as [1] still loads into [].
bool shapes_fit(std::span<const std::int64_t> model, std::span<const std::int64_t> saved) {
  return std::equal(model.begin(), model.end(), saved.begin(), saved.end()) ||
         (model.empty() && saved.size() == 1 && saved[0] == 1);
}

// Finds the children of nodes by name.
class ChildIndex {
 public:
  explicit ChildIndex(const ModuleSpec& module) {
    for (std::uint32_t node = 0; node < module.nodes.size(); ++node) {
      for (const ModuleSpec::Child& child : module.nodes[node].children) {
        const auto position = static_cast<std::uint32_t>(children_.size());
        children_.push_back({node, &child});
        index_.insert(hash(node, child.name), position, [](std::uint32_t) { return false; });
      }
    }
  }

  // nullptr where `node` has no child of this name.
  const ModuleSpec::Child* find(std::uint32_t node, std::string_view name,
                                std::uint64_t& steps) const {
    const auto found = index_.find(hash(node, name), [&](std::uint32_t i) {
      ++steps;
      return children_[i].first == node && children_[i].second->name == name;
    });
    return found ? children_[*found].second : nullptr;
  }

 private:
  static std::uint64_t hash(std::uint32_t node, std::string_view name) {
    return seeded_hash(name) + node * std::uint64_t{0x9e3779b97f4a7c15};
  }

  std::vector<std::pair<std::uint32_t, const ModuleSpec::Child*>> children_;
  NameIndex index_;
};

class Matcher {
  // Counts itself: the work is in these comparisons.
  auto is_key(std::string_view key) {
    ++report_.steps;
    return [this, key](std::uint32_t i) { return ++report_.steps, state_[i].key == key; };
  }
  auto is_path(std::string_view path) {
    ++report_.steps;
    return [this, path](std::uint32_t i) { return ++report_.steps, versions_[i].path == path; };
  }

 public:
  Matcher(const ModuleSpec& module, std::span<const StateEntry> state,
          std::span<const ModuleVersion> versions, ExtraStates extra_states)
      : module_(module),
        state_(state),
        keys_(state.size()),
        versions_(versions),
        paths_(versions.size()),
        extra_states_(extra_states),
        is_expected_(state.size()) {
    for (std::uint32_t i = 0; i < state.size(); ++i) {
      const auto first = keys_.insert(seeded_hash(state[i].key), i, is_key(state[i].key));
      if (first) report_.collisions.push_back({*first, i});
    }
    for (std::uint32_t i = 0; i < versions.size(); ++i) {
      paths_.insert(seeded_hash(versions[i].path), i, is_path(versions[i].path));
    }
  }

  MatchReport run() && {
    for (std::uint32_t node = 0; node < module_.nodes.size(); ++node) {
      for (std::uint32_t i = 0; i < module_.nodes[node].entries.size(); ++i) {
        match_entry(node, i);
      }
    }
    find_unexpected();
    return std::move(report_);
  }

 private:
  void match_entry(std::uint32_t node, std::uint32_t index) {
    const ModuleSpec::Entry& entry = module_.nodes[node].entries[index];
    std::string key = module_.nodes[node].prefix + entry.name;
    const auto found = keys_.find(seeded_hash(key), is_key(key));
    if (!found) {
      const bool may_be_absent = entry.name == kBatchCount && predates_batch_count(node);
      if (may_be_absent) return;
      report_.missing_keys.push_back(std::move(key));
      report_.missing_places.push_back({node, index});
      return;
    }
    is_expected_[*found] = true;
    const StateEntry& state = state_[*found];
    if (!state.is_tensor()) {
      report_.mismatches.push_back(
          {std::move(key), std::string(state.type), {}, {}, {node, index}, {}});
    } else if (!shapes_fit(entry.shape, state.shape)) {
      report_.mismatches.push_back({std::move(key),
                                    {},
                                    {state.shape.begin(), state.shape.end()},
                                    entry.shape,
                                    {node, index},
                                    {}});
    } else {
      report_.copies.push_back({node, index, *found});
    }
  }

  bool predates_batch_count(std::uint32_t node) {
    if (!module_.nodes[node].counts_batches) return false;
    std::string_view path = module_.nodes[node].prefix;
    if (!path.empty()) path.remove_suffix(1);  // its "."
    const auto found = paths_.find(seeded_hash(path), is_path(path));
    return !found || versions_[*found].version < kFirstWithBatchCount;
  }

  // The module that a key which nothing expects is reported by, as in PyTorch: the deepest one
  // whose path the key begins with. nullopt where it leads into a child that is null, which hides
  // it.
  struct Place {
    std::uint32_t node;
    bool is_ordinary;  // extra state is reported before a module's other keys
    std::uint32_t state;

    bool operator<(const Place& other) const {
      return std::tie(node, is_ordinary, state) <
             std::tie(other.node, other.is_ordinary, other.state);
    }
  };
  std::optional<Place> place_of(const ChildIndex& children, std::string_view key,
                                std::uint32_t state) {
    std::uint32_t node = 0;
    while (true) {
      ++report_.steps;
      const std::size_t dot = key.find('.');
      if (dot == key.npos) return Place{node, key != kExtraState, state};
      const ModuleSpec::Child* child = children.find(node, key.substr(0, dot), report_.steps);
      if (child == nullptr) return Place{node, true, state};
      if (child->node == ModuleSpec::kNone) return std::nullopt;
      node = child->node;
      key.remove_prefix(dot + 1);
    }
  }

  // Modules in pre-order, and the keys of each in the order of the state dict.
  void find_unexpected() {
    if (std::find(is_expected_.begin(), is_expected_.end(), false) == is_expected_.end()) return;
    const ChildIndex children(module_);
    std::vector<Place> places;
    for (std::uint32_t i = 0; i < state_.size(); ++i) {
      if (is_expected_[i]) continue;
      if (const auto place = place_of(children, state_[i].key, i)) places.push_back(*place);
    }
    std::sort(places.begin(), places.end());
    for (const Place& place : places) {
      if (!place.is_ordinary && extra_states_ == ExtraStates::kWanted) {
        report_.extra_states.push_back({place.node, place.state});
      } else {
        report_.unexpected_keys.push_back(state_[place.state].key);
      }
    }
  }

  const ModuleSpec& module_;
  std::span<const StateEntry> state_;
  NameIndex keys_;
  std::span<const ModuleVersion> versions_;
  NameIndex paths_;  // of versions_
  ExtraStates extra_states_;
  std::vector<bool> is_expected_;
  MatchReport report_;
};

}  // namespace

MatchReport match(const ModuleSpec& module, std::span<const StateEntry> state,
                  std::span<const ModuleVersion> versions, ExtraStates extra_states) {
  return Matcher(module, state, versions, extra_states).run();
}

}  // namespace hardload
