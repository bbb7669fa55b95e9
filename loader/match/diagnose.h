// diagnose: why a state dict probably does not fit a module, in a sentence or two.
//
// PyTorch lists what is missing and what is unexpected and leaves the reader to compare. This looks
// for the usual causes: a prefix on one side (`module.` of DataParallel, `_orig_mod.` of
// torch.compile, or any other), a state dict nested in another dict, names that are nearly right, a
// model of another size.
#pragma once

#include <span>
#include <string>

#include "loader/match/match.h"

namespace hardload {

// The advice that goes with error_text, keys escaped for display. Never empty. Work is bounded:
// names are compared one by one only in small numbers.
std::string diagnose(const MatchReport& report, std::span<const StateEntry> state);

}  // namespace hardload
