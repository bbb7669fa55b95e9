// operator new of a whole test program, of which one call can be made to fail.
//
//   for (long n = 0;; ++n) {
//     fail_allocation(n);
//     const auto result = load(path);
//     const bool is_last = is_failure_ahead();  // there are no more than n
//     fail_allocation(kNone);
//     if (is_last) break;
//     ...
//   }
#pragma once

namespace hardload::testing {

inline constexpr long kNone = -1;

// Which call of operator new on this thread throws from now on, counted from 0.
void fail_allocation(long number);

// Whether that call has not come yet. One that has may have done no harm: some can do without.
bool is_failure_ahead();

// The same for regions of memory that are taken from the system with mmap.
void fail_mapping(long number);
bool is_mapping_failure_ahead();

// What was allocated by this program and not freed, in pieces.
long allocations();

// All that was ever allocated, in bytes.
long allocated_bytes();

}  // namespace hardload::testing
