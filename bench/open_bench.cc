#include <chrono>

#include <malloc.h>

#include "bench/cases.h"
#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"

namespace hardload::bench {

void register_open(const Setup& setup) {
  for (const double count : {3'000., 10'000., 30'000., 100'000., 300'000.}) {
    const auto tensors = static_cast<std::size_t>(count * setup.scale);
    const Subject subject =
        generate_subject(std::to_string(tensors) + " tensors", setup.folder, tensors, 4);
    register_row(
        "open/" + subject.name + "/hardload", setup.repetitions, [=](benchmark::State& state) {
          for (auto _ : state) {
            // As in a process that opens its first file. Without it small files find the pages of
            // the sample before, which large ones never do.
            malloc_trim(0);
            const auto start = std::chrono::steady_clock::now();
            const auto source = FileSource::open(subject.path).value();
            const Manifest manifest = describe(*source, {}).value();
            state.SetIterationTime(
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
            if (manifest.named_tensors().size() != tensors) {
              state.SkipWithError("wrong answer: another number of tensors");
            }
          }
          state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                                  static_cast<std::int64_t>(tensors));
        });
  }
}

}  // namespace hardload::bench
