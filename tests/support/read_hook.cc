#include "tests/support/read_hook.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/types.h>

// The linker has pread called by these names (--wrap).
extern "C" ssize_t __real_pread(int, void*, std::size_t, off_t);
extern "C" ssize_t __wrap_pread(int, void*, std::size_t, off_t);

namespace {

hardload::testing::OnRead hook_;
long count_ = 0;

}  // namespace

extern "C" ssize_t __wrap_pread(int descriptor, void* out, std::size_t size, off_t offset) {
  const long number = count_++;
  const int step = hook_ ? hook_(number, descriptor) : hardload::testing::kAsUsual;
  if (step < 0) {
    errno = -step;
    return -1;
  }
  return __real_pread(descriptor, out, std::min(size, static_cast<std::size_t>(step)), offset);
}

namespace hardload::testing {

void on_read(OnRead hook) {
  hook_ = std::move(hook);
  count_ = 0;
}

long reads() { return count_; }

}  // namespace hardload::testing
