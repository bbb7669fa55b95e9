#include "tests/support/failing_memory.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

thread_local long calls_until_failure = hardload::testing::kNone;
thread_local long mappings_until_failure = hardload::testing::kNone;
std::atomic<long> in_use = 0, bytes_taken = 0;

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
  bytes_taken += static_cast<long>(size);
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) --in_use;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

// In the place of the C library's, for this program and the libraries that it uses.
extern "C" void* mmap(void* address, std::size_t bytes, int protection, int flags, int file,
                      off_t offset) noexcept {
  if (mappings_until_failure >= 0 && mappings_until_failure-- == 0) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(
      ::syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

namespace hardload::testing {

void fail_allocation(long number) { calls_until_failure = number; }
bool is_failure_ahead() { return calls_until_failure >= 0; }
void fail_mapping(long number) { mappings_until_failure = number; }
bool is_mapping_failure_ahead() { return mappings_until_failure >= 0; }
long allocations() { return in_use; }
long allocated_bytes() { return bytes_taken; }

}  // namespace hardload::testing
