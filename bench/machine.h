// What benchmarks need of the machine: its memory, and memory in a known state.
#pragma once

#include <cstdint>

namespace hardload::bench {

// Bytes of memory that programs can still take (MemAvailable).
std::uint64_t available_memory();

// Takes, touches and frees `bytes` of memory. A virtual machine may hand memory that has been free
// for some seconds back to its host and must fetch it again page by page, which is several times
// slower: every sample of every contender begins right after this.
void prime_memory(std::uint64_t bytes);

}  // namespace hardload::bench
