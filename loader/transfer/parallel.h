// for_each_parallel: the same work for many items, on some threads, until one fails.
#pragma once

#include <cstddef>
#include <functional>

#include "loader/base/result.h"

namespace hardload {

// The threads that the machine runs at a time.
unsigned machine_threads();

// Calls `work(i)` once for each i below `count`, on up to `threads` threads (0: as many as the
// machine has), the caller's among them. After an error no new item is begun; of several errors
// that of the lowest item is returned. `work` has to be safe to call from several threads at once.
// What it throws ends the work like an error: std::bad_alloc becomes kOutOfMemory, anything else is
// thrown here, on the caller's thread. Where the system gives fewer
// threads, fewer do all the work.
Result<void> for_each_parallel(std::size_t count, unsigned threads,
                               const std::function<Result<void>(std::size_t)>& work);

}  // namespace hardload
