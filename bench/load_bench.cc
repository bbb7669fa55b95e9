#include <cstdint>
#include <string>

#include "bench/cases.h"

namespace hardload::bench {

void register_load(const Setup& setup) {
  const Subject real = real_subject(setup.real_file, setup.real_digests);
  register_contenders("load", setup, setup.repetitions, real);
  // The same tensors in a form that LibTorch's own loader can read.
  register_contenders("load", setup, setup.repetitions, plain_twin(real, setup.folder));
  const auto scaled = [&](double count) { return static_cast<std::int64_t>(count * setup.scale); };
  const std::int64_t kilobytes = scaled(4096);
  register_contenders("load", setup, setup.repetitions,
                      generate_subject("64 tensors of " + std::to_string(kilobytes) + " KiB",
                                       setup.folder, 64, kilobytes * 256));
  const auto many = static_cast<std::size_t>(scaled(20'000));
  register_contenders(
      "load", setup, setup.repetitions,
      generate_subject(std::to_string(many) + " tensors of 4 KiB", setup.folder, many, 1024));
}

}  // namespace hardload::bench
