// diagnose: why a state dict probably does not fit a module, and what to do.
//
// PyTorch lists what is missing and what is unexpected and leaves the reader to compare. This looks
// for the usual causes: a prefix on one side (`module.` of DataParallel, `_orig_mod.` of
// torch.compile, or any other), a state dict nested in another dict, the state of an optimizer, a
// part that was renamed, names that are nearly right, a model of another size.
//
//   const Diagnosis diagnosis = diagnose(report, {module, entries});
//   show(diagnosis.text());                       // "Likely cause: ... Set
//   options.strip_prefix..."
//
// Threads: functions of their arguments alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/match/match.h"
#include "loader/match/near_names.h"
#include "loader/match/nested.h"
#include "loader/match/prefix.h"
#include "loader/match/rename.h"

namespace hardload {

struct Diagnosis {
  enum class Cause : std::uint8_t {
    kNone,          // everything fits
    kPrefix,        // see prefix
    kNested,        // see nested: the first is it
    kOptimizer,     // the state of an optimizer
    kRenamed,       // see rename
    kTied,          // tied parameters that were saved once
    kShapes,        // the same names, other shapes
    kValues,        // the same names, but what the file has there cannot be copied
    kModelMore,     // the model has more than the file
    kFileMore,      // the file has more than the model
    kOtherVersion,  // both have more
    kOtherModel,    // nothing fits
  };
  Cause cause = Cause::kNone;
  std::string sentence;  // "the file's keys begin with ..."; keys in it are escaped
  // What helps, as code: `options.strip_prefix = "module."`. Empty where it is no single option.
  std::string remedy;

  std::vector<NearName> near_names;  // kMostNearNames at most
  std::optional<PrefixFinding> prefix;
  std::optional<Rename> rename;
  std::vector<NestedFit> nested;  // the dicts of the file that hold any of the names, best first
  std::string table;              // shapes side by side; the full list is the report's

  // All of it for people; empty only for kNone.
  std::string text() const;
};

// What a diagnosis may look at besides the report.
struct DiagnosisInput {
  const ModuleSpec& module;
  std::span<const StateEntry> state;
  // The checkpoint that the state dict is from, and which of its dicts it is.
  const Manifest* manifest = nullptr;
  std::optional<std::size_t> identity = std::nullopt;
  // The rules that were applied to the keys already: a remedy has to contain them.
  const KeyRules* rules = nullptr;
};

// Work is bounded, whatever the names are.
Diagnosis diagnose(const MatchReport& report, const DiagnosisInput& input);

}  // namespace hardload
