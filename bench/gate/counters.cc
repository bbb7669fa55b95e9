#include "bench/gate/counters.h"

#include <atomic>
#include <cstddef>

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

namespace {

// Set while a call is counted.
std::atomic<bool> is_counting = false;
std::atomic<std::uint64_t> allocations = 0, allocated_bytes = 0, copied_bytes = 0;

using Copy = void* (*)(void*, const void*, std::size_t);
// The C library's; nullptr until count() has looked for them.
Copy real_memcpy = nullptr, real_memmove = nullptr;

void note_allocation(std::size_t bytes) {
  if (!is_counting.load(std::memory_order_relaxed)) return;
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void* copy(Copy real, void* to, const void* from, std::size_t bytes) {
  if (is_counting.load(std::memory_order_relaxed)) {
    copied_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
  if (real != nullptr) return real(to, from, bytes);
  auto* target = static_cast<volatile char*>(to);
  const auto* source = static_cast<const volatile char*>(from);
  if (target <= source) {
    for (std::size_t i = 0; i < bytes; ++i) target[i] = source[i];
  } else {
    for (std::size_t i = bytes; i-- > 0;) target[i] = source[i];
  }
  return to;
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;

void* malloc(std::size_t bytes) noexcept {
  note_allocation(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  note_allocation(count * bytes);
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  note_allocation(bytes);
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  note_allocation(bytes);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  void* const made = memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}

void* memcpy(void* to, const void* from, std::size_t bytes) noexcept {
  return copy(real_memcpy, to, from, bytes);
}
void* memmove(void* to, const void* from, std::size_t bytes) noexcept {
  return copy(real_memmove, to, from, bytes);
}
// What _FORTIFY_SOURCE makes of them where the compiler has not proved that there is room.
void* __memcpy_chk(void* to, const void* from, std::size_t bytes, std::size_t room) noexcept {
  if (bytes > room) __builtin_trap();
  return memcpy(to, from, bytes);
}
void* __memmove_chk(void* to, const void* from, std::size_t bytes, std::size_t room) noexcept {
  if (bytes > room) __builtin_trap();
  return memmove(to, from, bytes);
}

}  // extern "C"

namespace hardload::bench {

Counters count(const std::string& name, const std::function<void()>& work) {
  real_memcpy = reinterpret_cast<Copy>(::dlsym(RTLD_NEXT, "memcpy"));
  real_memmove = reinterpret_cast<Copy>(::dlsym(RTLD_NEXT, "memmove"));
  allocations = allocated_bytes = copied_bytes = 0;
  is_counting = true;
  ::getppid();
  CALLGRIND_ZERO_STATS;
  CALLGRIND_START_INSTRUMENTATION;
  work();
  CALLGRIND_STOP_INSTRUMENTATION;
  ::getppid();
  is_counting = false;
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  return {allocations, allocated_bytes, copied_bytes};
}

}  // namespace hardload::bench
