#include "loader/bytes/huge_pages.h"

#include <cstdint>

#include <sys/mman.h>

namespace hardload {

void advise_huge_pages(std::span<const std::byte> bytes) {
  constexpr std::uintptr_t kHugePage = 2 << 20;
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (start + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t end = (start + bytes.size()) / kHugePage * kHugePage;
  if (first >= end) return;
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace hardload
