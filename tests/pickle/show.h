// show: a Value as text like Python's repr(), so that tests compare whole objects at a glance.
//
//   show(root) == "{'epoch': 7, 'sizes': torch.Size((2, 3)), 'loop': [...]}"
//
// Strings are not escaped. A container inside itself is "...". Recursive: for shallow values.
#pragma once

#include <string>

#include "loader/pickle/value.h"

namespace hardload::testing {

std::string show(const Value& value);

}  // namespace hardload::testing
