// run_locked_down: a part of a test that may read what is open, and take memory, and nothing else.
//
//   const int status = run_locked_down([&] { return verify(*source, {}).ok() ? 0 : 1; });
//   EXPECT_EQ(status, 0);
//
// Runs in a child process. The kernel (seccomp) ends it at the first system call that opens a file,
// starts a process or thread, runs a program, makes a socket, changes something on the disk, or is
// anything else than reading, memory, and locks among threads.
#pragma once

#include <functional>

namespace hardload::testing {

// What run_locked_down gives where the child was ended at such a call, or could not be watched.
inline constexpr int kStopped = 1000;
inline constexpr int kNotWatched = 1001;

// Returns what `work` returns, 0 to 254; or one of the above; or 2000 and the number of the signal
// that ended it. This process must have no other threads that hold locks.
int run_locked_down(const std::function<int()>& work);

}  // namespace hardload::testing
