// What fuzz targets use to state properties and to count what became of their inputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace hardload::fuzz {

// Ends the program, as a crash that the fuzzer reports, unless `property` holds. Not an assert:
// active in every build.
inline void check(bool property, std::string_view what) {
  if (property) return;
  std::fprintf(stderr, "property violated: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::span<const std::byte> as_bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

// Counts inputs by how far they got, and prints the shares at exit: a fuzzer whose inputs all die
// at the front door finds nothing behind it.
template <std::size_t N>
class Milestones {
 public:
  explicit Milestones(const std::array<const char*, N>& names) : names_(names) {}
  ~Milestones() {
    std::fprintf(stderr, "inputs: %llu", inputs_);
    for (std::size_t i = 0; i < N; ++i) {
      const double share =
          inputs_ == 0 ? 0
                       : 100.0 * static_cast<double>(reached_[i]) / static_cast<double>(inputs_);
      std::fprintf(stderr, ", %s: %.1f %%", names_[i], share);
    }
    std::fprintf(stderr, "\n");
  }

  void begin() { ++inputs_; }
  void reach(std::size_t milestone) { ++reached_[milestone]; }

 private:
  std::array<const char*, N> names_;
  unsigned long long inputs_ = 0;
  std::array<unsigned long long, N> reached_{};
};

}  // namespace hardload::fuzz
