// mutate_pickle: mutations of a pickle that mostly leave it one that runs to its end.
//
// A byte changed at random in a pickle nearly always unbalances the stack, and the machine stops
// there. This knows which runs of instructions make one value, and replaces such runs by each
// other, adds and removes them where any number may stand, and changes operands in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace hardload::fuzz {

// A changed `pickle`, of at most `max_size` bytes. Now and then it is mutated as bytes.
std::string mutate_pickle(const std::string& pickle, std::size_t max_size, std::mt19937& random);

// The same of a pickle of protocol 4, whose values are remembered by MEMOIZE, in their order: what
// refers to them still does when runs were moved.
std::string mutate_pickle_4(const std::string& pickle, std::size_t max_size, std::mt19937& random);

}  // namespace hardload::fuzz
