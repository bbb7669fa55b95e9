// find_state_dicts: the dicts inside of a checkpoint that look like state dicts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/manifest/manifest.h"

namespace hardload {

struct NestedStateDict {
  std::string path;  // keys and indices, joined by "."
  std::uint64_t tensors;
  std::uint64_t bytes;  // as if none were shared
};

// Dicts that are not the whole object, in which every key is a string and every value a tensor, and
// which are reached through lists, tuples and dicts of string keys: that leaves out what an
// optimizer keeps for parameter 0. Looks at a bounded number of containers, and finds each once.
std::vector<NestedStateDict> find_state_dicts(const Manifest& manifest);

}  // namespace hardload
