// operator new of a whole test program, of which one call can be made to fail.
//
//   for (long n = 0;; ++n) {
//     fail_allocation(n);
//     const auto result = load(path);
//     fail_allocation(kNone);
//     if (result.ok()) break;           // there are no more than n
//     ...
//   }
#pragma once

namespace hardload::testing {

inline constexpr long kNone = -1;

// Which call of operator new on this thread throws from now on, counted from 0.
void fail_allocation(long number);

// The same for regions of memory that are taken from the system with mmap.
void fail_mapping(long number);

// What was allocated by this program and not freed, in pieces.
long allocations();

}  // namespace hardload::testing
