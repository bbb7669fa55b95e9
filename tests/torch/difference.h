// difference: whether two trees are one object to torch.save and torch.load.
//
// That is: the same kinds, values bit for bit, order, attributes; tensors of the same type,
// geometry and flags, with every byte of their storages; and what is one object in one tree is one
// in the other. Numbers, and what Python has only once (short bytes, the empty tuple), are no
// objects.
#pragma once

#include <string>

#include "loader/torch/tree.h"

namespace hardload::testing {

// What differs, in words; empty where nothing does. Linear, without recursion.
std::string difference(const Tree& before, const Tree& after);

}  // namespace hardload::testing
