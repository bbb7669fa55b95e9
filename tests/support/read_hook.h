// pread of a whole test program, which can be made to fail, to fall short, or to find that the file
// has changed.
//
//   on_read([](long number, int) { return number == 3 ? -EIO : kAsUsual; });
//   const auto result = load(path, {.threads = 1});
//   const bool has_failed = reads() > 3;
//   on_read({});
//
// A program that depends on it is linked so that each of its calls of pread comes here. Threads:
// one at a time.
#pragma once

#include <functional>
#include <limits>

namespace hardload::testing {

inline constexpr int kAsUsual = std::numeric_limits<int>::max();

// What is done at each call: with its number, counted from 0, and the descriptor. Returns how many
// bytes are read at most, or -errno.
using OnRead = std::function<int(long number, int descriptor)>;

// From now on; {} for nothing.
void on_read(OnRead hook);

// The calls since then.
long reads();

}  // namespace hardload::testing
