#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "bench/cases.h"
#include "bench/machine.h"

namespace hardload::bench {

void register_large_model(const Setup& setup) {
  constexpr std::uint64_t kLargest = std::uint64_t{16} << 30;
  constexpr std::uint64_t kTensor = std::uint64_t{64} << 20;
  // pickle_load holds the file three times: as a vector, a copy of it, and tensors. The page cache
  // holds it once more.
  const std::uint64_t memory = available_memory() / 6;
  const std::uint64_t disk = std::filesystem::space(setup.folder).available / 2;
  const auto bytes = static_cast<std::uint64_t>(
      static_cast<double>(std::min({kLargest, memory, disk})) * setup.scale);
  const std::size_t tensors = std::max<std::size_t>(1, bytes / kTensor);
  const std::string name = std::to_string(tensors) + " tensors of 64 MiB";
  // Each sample takes seconds: fewer of them.
  const int repetitions = std::max(1, setup.repetitions / 3);
  register_contenders("large model", setup, repetitions,
                      generate_subject(name, setup.folder, tensors, kTensor / sizeof(float)));
}

}  // namespace hardload::bench
