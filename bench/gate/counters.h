// count: what one call costs, in numbers that do not depend on how busy the machine is.
//
//   const Counters cost = count("describe/zip", [&] { describe(*source, {}).value(); });
//
// Memory that is asked for and bytes that are copied are counted here: this library puts functions
// of its own in the place of the C library's, for the program and all libraries that it uses.
// Copies that the compiler makes itself, of few bytes, are not seen. Instructions and system calls
// are counted by valgrind around the program (gate.py): they count between two calls of getppid,
// which nobody else makes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hardload::bench {

struct Counters {
  std::uint64_t allocations = 0;      // calls of malloc and its kin
  std::uint64_t allocated_bytes = 0;  // that they asked for
  std::uint64_t copied_bytes = 0;     // by memcpy and memmove
};

// Calls `work` once and counts what it does, on all threads. Outside valgrind the same, without
// instructions and system calls.
Counters count(const std::string& name, const std::function<void()>& work);

}  // namespace hardload::bench
