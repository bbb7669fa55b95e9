// advise_huge_pages, reserve_huge: large tables in huge pages.
//
// A process gets new memory page by page, each with a fault of about a microsecond. The tables that
// describe a hundred thousand tensors take 20,000 small pages, or 40 huge ones of 2 MiB.
//
//   std::vector<Record> records;
//   reserve_huge(records, count);
//
// It is advice: where the system has no huge pages to give, small ones do.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hardload {

// Asks for huge pages for the memory of `bytes`, which nobody has written to yet. Does nothing
// where it would fill none.
void advise_huge_pages(std::span<const std::byte> bytes);

// vector.reserve(count), in huge pages where that fills some.
template <typename T>
void reserve_huge(std::vector<T>& vector, std::size_t count) {
  if (count <= vector.capacity()) return;
  vector.reserve(count);
  const std::size_t used = vector.size() * sizeof(T);
  const std::span memory(reinterpret_cast<const std::byte*>(vector.data()),
                         vector.capacity() * sizeof(T));
  advise_huge_pages(memory.subspan(used));
}

}  // namespace hardload
