#include "bench/ceiling.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hardload::bench {
namespace {

// Calls `move(offset, length)` for one part of `size` bytes on each core.
template <typename Move>
void on_all_cores(std::size_t size, const Move& move) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t part = (size / cores + 4096) / 4096 * 4096;
  std::vector<std::thread> threads;
  for (std::size_t start = 0; start < size; start += part) {
    threads.emplace_back(move, start, std::min(part, size - start));
  }
  for (std::thread& thread : threads) thread.join();
}

at::Tensor new_memory(std::size_t size) {
  return at::empty({static_cast<std::int64_t>(size)}, at::kByte);
}

}  // namespace

at::Tensor pread_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || ::fstat(file, &status) != 0) throw std::runtime_error("cannot open " + path);
  at::Tensor memory = new_memory(static_cast<std::size_t>(status.st_size));
  auto* bytes = static_cast<char*>(memory.mutable_data_ptr());
  on_all_cores(static_cast<std::size_t>(memory.nbytes()), [=](std::size_t start, std::size_t size) {
    constexpr std::size_t kChunk = 1 << 20;
    for (const std::size_t end = start + size; start < end;) {
      const ssize_t count =
          ::pread(file, bytes + start, std::min(kChunk, end - start), static_cast<off_t>(start));
      if (count <= 0) return;
      start += static_cast<std::size_t>(count);
    }
  });
  ::close(file);
  return memory;
}

MappedFile::MappedFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || ::fstat(file, &status) != 0) throw std::runtime_error("cannot open " + path);
  size_ = static_cast<std::size_t>(status.st_size);
  start_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  ::close(file);
  if (start_ == MAP_FAILED) throw std::runtime_error("cannot map " + path);
}

MappedFile::~MappedFile() { ::munmap(start_, size_); }

at::Tensor MappedFile::memcpy_file() const {
  at::Tensor memory = new_memory(size_);
  auto* to = static_cast<char*>(memory.mutable_data_ptr());
  const auto* from = static_cast<const char*>(start_);
  on_all_cores(size_, [=](std::size_t start, std::size_t size) {
    std::memcpy(to + start, from + start, size);
  });
  return memory;
}

}  // namespace hardload::bench
