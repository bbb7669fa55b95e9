// Shapes that differ: side by side, and what it probably means.
//
// Threads: functions of their arguments alone.
#pragma once

#include <span>
#include <string>

#include "loader/match/match.h"

namespace hardload {

// What the differing shapes have in common: another number of classes or of words, another width,
// weights saved transposed. A sentence without its end; empty where it is none of these, or where
// no shape differs.
std::string likely_shape_cause(std::span<const MatchReport::Mismatch> mismatches);

// A table of key, shape in the file, shape in the model, a line each; `most` lines and how many
// more there are. Keys are escaped. Empty where no shape differs.
std::string shape_table(std::span<const MatchReport::Mismatch> mismatches, std::size_t most);

}  // namespace hardload
