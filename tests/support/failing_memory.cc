#include "tests/support/failing_memory.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local long calls_until_failure = hardload::testing::kNone;
std::atomic<long> in_use = 0;

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
// Where it inlines the operators, GCC takes malloc and free for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

void* operator new(std::size_t size) {
  if (calls_until_failure >= 0 && calls_until_failure-- == 0) throw std::bad_alloc();
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  ++in_use;
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) --in_use;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace hardload::testing {

void fail_allocation(long number) { calls_until_failure = number; }
long allocations() { return in_use; }

}  // namespace hardload::testing
