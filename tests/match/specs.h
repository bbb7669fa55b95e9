// Modules and state dicts for tests of matching.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/match/match.h"
#include "loader/match/module_spec.h"

namespace hardload::testing {

// A state dict that owns its text.
class State {
 public:
  State& tensor(std::string key, std::vector<std::int64_t> shape = {1}) {
    saved_.push_back({std::move(key), {}, std::move(shape)});
    return *this;
  }
  State& value(std::string key, std::string type) {
    saved_.push_back({std::move(key), std::move(type), {}});
    return *this;
  }
  State& without(std::string_view key) {
    std::erase_if(saved_, [&](const Saved& saved) { return saved.key == key; });
    return *this;
  }
  State& all_of(const State& other) {
    saved_.insert(saved_.end(), other.saved_.begin(), other.saved_.end());
    return *this;
  }
  State& reversed() {
    std::reverse(saved_.begin(), saved_.end());
    return *this;
  }
  // Puts `prefix` before each key.
  State& prefixed(std::string_view prefix) {
    for (Saved& saved : saved_) saved.key.insert(0, prefix);
    return *this;
  }

  // Valid as long as this is not changed.
  std::vector<StateEntry> entries() const {
    std::vector<StateEntry> entries;
    for (const Saved& saved : saved_) entries.push_back({saved.key, saved.type, saved.shape});
    return entries;
  }

 private:
  struct Saved {
    std::string key, type;
    std::vector<std::int64_t> shape;
  };
  std::vector<Saved> saved_;
};

// class Net(nn.Module):
//   def __init__(self):
//     super().__init__()
//     self.scale = nn.Parameter(torch.zeros(1))
//     self.register_buffer("steps", torch.tensor(0))
//     self.body = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
//     self.head = nn.Linear(2, 1)
inline ModuleSpec net() {
  return {"Net",
          {{"", {{"scale", {1}}, {"steps", {}}}, {{"body", 1}, {"head", 5}}},
           {"body.", {}, {{"0", 2}, {"1", 3}, {"2", 4}}},
           {"body.0.", {{"weight", {5, 3}}, {"bias", {5}}}, {}},
           {"body.1.", {}, {}},
           {"body.2.", {{"weight", {2, 5}}, {"bias", {2}}}, {}},
           {"head.", {{"weight", {1, 2}}, {"bias", {1}}}, {}}}};
}

// Net().state_dict()
inline State net_state() {
  return State()
      .tensor("scale", {1})
      .tensor("steps", {})
      .tensor("body.0.weight", {5, 3})
      .tensor("body.0.bias", {5})
      .tensor("body.2.weight", {2, 5})
      .tensor("body.2.bias", {2})
      .tensor("head.weight", {1, 2})
      .tensor("head.bias", {1});
}

// A module of `entries` and no children.
inline ModuleSpec lone_module(std::vector<ModuleSpec::Entry> entries) {
  return {"Lone", {{"", std::move(entries), {}}}};
}

}  // namespace hardload::testing
