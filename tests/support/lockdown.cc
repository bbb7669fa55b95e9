#include "tests/support/lockdown.h"

#include <csignal>
#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hardload::testing {
namespace {

#if defined(__x86_64__)
constexpr unsigned kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = AUDIT_ARCH_AARCH64;
#endif

constexpr int kUnwatchable = 255;  // what the child ends with where the kernel has no seccomp

// Reading what is open; memory; locks; the clock; the end.
constexpr unsigned kAllowed[] = {SYS_read,         SYS_pread64,        SYS_readv,
                                 SYS_preadv,       SYS_preadv2,        SYS_lseek,
                                 SYS_fstat,        SYS_close,          SYS_mmap,
                                 SYS_munmap,       SYS_mprotect,       SYS_mremap,
                                 SYS_madvise,      SYS_mincore,        SYS_brk,
                                 SYS_futex,        SYS_sched_yield,    SYS_sched_getaffinity,
                                 SYS_getrandom,    SYS_clock_gettime,  SYS_gettid,
                                 SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_sigaltstack,
                                 SYS_exit_group};
// Allowed with one value of one argument: what fstat() is in newer C libraries, and complaints.
struct AllowedWith {
  unsigned call, argument, value;
};
constexpr AllowedWith kAllowedWith[] = {{SYS_newfstatat, 3, AT_EMPTY_PATH},
                                        {SYS_write, 0, STDERR_FILENO}};

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
}
sock_filter skip_unless(unsigned value, unsigned char steps) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps);
}
sock_filter answer(unsigned what) { return BPF_STMT(BPF_RET | BPF_K, what); }

std::vector<sock_filter> filter() {
  const sock_filter call = load(offsetof(seccomp_data, nr));
  // Calls of another machine's have other numbers.
  std::vector<sock_filter> steps = {load(offsetof(seccomp_data, arch)), skip_unless(kMachine, 1),
                                    BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
                                    answer(SECCOMP_RET_KILL_PROCESS), call};
  for (const unsigned allowed : kAllowed) {
    steps.push_back(skip_unless(allowed, 1));
    steps.push_back(answer(SECCOMP_RET_ALLOW));
  }
  for (const AllowedWith& allowed : kAllowedWith) {
    steps.push_back(skip_unless(allowed.call, 4));
    steps.push_back(load(offsetof(seccomp_data, args) + 8 * allowed.argument));
    steps.push_back(skip_unless(allowed.value, 1));
    steps.push_back(answer(SECCOMP_RET_ALLOW));
    steps.push_back(call);
  }
  steps.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  return steps;
}

bool lock_down() {
  std::vector<sock_filter> steps = filter();
  const sock_fprog program = {static_cast<unsigned short>(steps.size()), steps.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

int run_locked_down(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(lock_down() ? work() : kUnwatchable);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return kNotWatched;
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS ? kStopped : 2000 + WTERMSIG(status);
  return WEXITSTATUS(status) == kUnwatchable ? kNotWatched : WEXITSTATUS(status);
}

}  // namespace hardload::testing
