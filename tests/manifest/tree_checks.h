// The parts of check_invariants that walk the object tree again, by its public face.
#pragma once

#include <string>

#include "loader/manifest/manifest.h"

namespace hardload::testing {

// Where a tensor or storage anywhere in the tree, in keys and attributes too, is none of the
// manifest's; empty where nowhere.
std::string check_numbers(const Manifest& manifest);

// Where the named tensors differ from those that are found by walking the tree in its order; empty
// where nowhere.
std::string check_names(const Manifest& manifest);

}  // namespace hardload::testing
