#include "bench/machine.h"

#include <fstream>
#include <string>

#include <sys/mman.h>

namespace hardload::bench {

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  std::uint64_t kilobytes = 0;
  while (file >> key >> kilobytes) {
    if (key == "MemAvailable:") return kilobytes * 1024;
    std::getline(file, unit);
  }
  return 0;
}

void prime_memory(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  auto* pages = static_cast<volatile char*>(memory);
  for (std::uint64_t i = 0; i < bytes; i += 4096) pages[i] = 1;
  ::munmap(memory, bytes);
}

}  // namespace hardload::bench
