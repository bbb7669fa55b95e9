// match: which key of a state dict goes where in a module.
//
// The rules and the order of everything are those of torch.nn.Module.load_state_dict
// (torch/nn/modules/module.py), found in one pass: each key is looked at once, where PyTorch
// filters all keys again for every child.
//
//   const MatchReport report = match(spec, keys);
//   for (const MatchReport::Copy& copy : report.copies) ...
//   if (!report.fits(strict)) return error_text(report, spec.class_name, strict);
//
// Threads: a function of its arguments alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/match/module_spec.h"

namespace hardload {

// One entry of a state dict. Borrows its text.
struct StateEntry {
  std::string_view key;
  std::string_view type;                // Python's name of the value's type; empty for a tensor
  std::span<const std::int64_t> shape;  // of the tensor
  bool is_tensor() const { return type.empty(); }
};

struct MatchReport {
  // Entry `entry` of node `node` of the module.
  struct Place {
    std::uint32_t node, entry;
  };
  // State entry `state` fills entry `entry` of node `node`. Both have one element where the shapes
  // differ: PyTorch loads shape [1] into shape [].
  struct Copy {
    std::uint32_t node, entry, state;
  };
  // A key that is there, but cannot be copied.
  struct Mismatch {
    std::string key;
    std::string type;                 // of a value that is no tensor; else empty, and:
    std::vector<std::int64_t> saved;  // the shape in the state dict
    std::vector<std::int64_t> model;  // the shape in the module
    Place place = {};
    std::string exception = {};  // what LibTorch said where the shapes fit and copying failed
  };
  // State entry `state` is the extra state of module `node`.
  struct ExtraState {
    std::uint32_t node, state;
  };
  // Two entries of the state dict with one key.
  struct Collision {
    std::uint32_t first, second;
  };

  std::vector<Copy> copies;                       // in the order in which PyTorch copies
  std::vector<std::string> missing_keys;          // expected by the module, not in the state dict
  std::vector<Place> missing_places;              // where each of them is
  std::vector<std::string_view> unexpected_keys;  // the other way round; borrowed from the entries
  std::vector<Mismatch> mismatches;
  std::vector<ExtraState> extra_states;  // only if asked for; else they are unexpected
  std::vector<Collision> collisions;     // the second of each pair counts as unexpected, too

  // What options took out of the lists above (relax.h).
  std::vector<Mismatch> skipped;
  std::vector<std::string> tied_keys;

  // Names hashed and compared: what the time went to. Linear in the number of keys.
  std::uint64_t steps = 0;

  // Whether load_state_dict succeeds. Mismatches count whether strict or not.
  bool fits(bool strict) const {
    return mismatches.empty() && (!strict || (missing_keys.empty() && unexpected_keys.empty()));
  }
};

// The version that a state dict records for the module at `path` (its `_metadata`; "" is the root).
struct ModuleVersion {
  std::string_view path;
  std::int64_t version;
};

// Whether the `_extra_state` entries of modules are wanted. No C++ module takes them by itself.
enum class ExtraStates : bool { kUnexpected, kWanted };

// Matches the entries. Of two entries with one key, or two versions of one path, the first counts.
// Linear in the number of keys and names.
MatchReport match(const ModuleSpec& module, std::span<const StateEntry> state,
                  std::span<const ModuleVersion> versions = {},
                  ExtraStates extra_states = ExtraStates::kUnexpected);

}  // namespace hardload
