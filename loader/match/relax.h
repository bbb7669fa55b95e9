// relax: takes out of a MatchReport what the user said is no trouble.
//
//   relax(report, spec, {.optional_keys = {"*.rope.inv_freq"}, .ignore_unexpected = {"ema.*"}});
//   if (report.fits(strict)) ...
//
// Threads: a function of its arguments alone.
#pragma once

#include <string>
#include <vector>

#include "loader/match/match.h"

namespace hardload {

struct Relaxations {
  // Entries of another shape keep what they have.
  bool skip_mismatched_shapes = false;
  // A key may be missing where the same parameter, under another of its names, is loaded.
  bool accept_tied_names = false;
  // Globs (see glob.h) of keys that may be missing, and of keys that nothing expects.
  std::vector<std::string> optional_keys = {};
  std::vector<std::string> ignore_unexpected = {};
};

void relax(MatchReport& report, const ModuleSpec& module, const Relaxations& relaxations);

}  // namespace hardload
