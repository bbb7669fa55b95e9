// KeyRules: how a state dict's keys are rewritten before they are matched.
//
//   KeyRules rules;
//   rules.strip_prefix = "module.";                      // module.fc.weight -> fc.weight
//   rules.renames = {{"fc", "head"},                     // fc.weight -> head.weight, not
//   fc1.weight
//                    {"layers.*.attn", "blocks.*.attention"},
//                    {"_orig_mod", ""}};                 // encoder._orig_mod.conv -> encoder.conv
//
// Ownership: owns its text. Threads: functions of their arguments alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"

namespace hardload {

// Replaces whole parts of a key, the text between its dots: `from` wherever it stands in the key,
// as often as it does, by `to`. In `from`, the part `*` stands for any one part; the first `*` of
// `to` becomes what the first `*` of `from` stood for, and so on. An empty `to` removes the parts.
struct Rename {
  std::string from;
  std::string to;
};

// Applied in the order of the members; renames in their own order, each to what the one before it
// made.
struct KeyRules {
  // Text that is taken off the keys that begin with it; the other keys stay as they are.
  std::string strip_prefix = {};
  std::vector<Rename> renames = {};
  // Text that is put before every key.
  std::string add_prefix = {};

  bool empty() const { return strip_prefix.empty() && renames.empty() && add_prefix.empty(); }
};

// Errors: kKey for a rule without a meaning: an empty `from`, or more `*` in `to` than in `from`.
Result<void> check_rules(const KeyRules& rules);

// What the rules make of a key.
std::string rewritten_key(const KeyRules& rules, std::string_view key);

// What they make of a module's path in `_metadata`, which has no "." at its end: without the prefix
// `module.`, `module` is the root (torch/nn/modules/utils.py,
// consume_prefix_in_state_dict_if_present).
std::string rewritten_path(const KeyRules& rules, std::string_view path);

// One rule, applied to a key.
std::string renamed(const Rename& rule, std::string_view key);

}  // namespace hardload
