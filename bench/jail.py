"""A jail for code that reads hostile files: namespaces, a seccomp filter, resource limits.

A process calls enter() once, before it starts a thread; what it forks from then on is inside too.
Each child that is to read a file calls confine(), and cannot undo it:

  enter()     no network, no other processes, everything read-only but an empty SCRATCH of 64 MiB
  confine()   no capability, no socket, no further process or program; bounded memory, time and files

enter() needs namespaces for users, which some kernels and containers forbid; it returns what does
not hold then. The filter is for x86-64. A call that it forbids kills the process, with SIGSYS.
Sources: unshare(2), user_namespaces(7), mount_setattr(2), seccomp(2), capabilities(7).
"""

import ctypes
import os
import platform
import resource
import secrets
import signal
import struct

NEW_NAMESPACES = (0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 |
                  0x04000000)  # users, mounts, processes, network, System V IPC, host name
MS_REC_PRIVATE = 0x4000 | 0x40000
SYS_MOUNT_SETATTR = 442
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MS_BIND, READ_ONLY, NO_SETUID, NO_DEVICES = 0x1000, 0x1, 0x2, 0x4
HARMLESS_DEVICES = [b"/dev/null", b"/dev/urandom"]
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
LARGEST_FILE = 64 << 20
SPARE = 64 << 20  # of memory, to say what went wrong in; see spare_memory()

# x86-64. Sockets; what starts a process or a program; what looks into others; what changes
# namespaces, mounts or the kernel; io_uring, whose requests no filter sees.
FORBIDDEN = {
    "socket": 41, "socketpair": 53, "fork": 57, "vfork": 58, "execveat": 322, "ptrace": 101,
    "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "unshare": 272,
    "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "mount_setattr": 442, "open_by_handle_at": 304, "bpf": 321,
    "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "add_key": 248, "request_key": 249, "keyctl": 250,
    "init_module": 175, "finit_module": 313, "kexec_load": 246,
}
CLONE, CLONE3, EXECVE, CLONE_THREAD = 56, 435, 59, 0x10000
AUDIT_ARCH_X86_64, X32_BIT = 0xC000003E, 0x40000000
KILL, ALLOW, NO_SUCH_CALL = 0x80000000, 0x7FFF0000, 0x00050000 | 38
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]


def _call(function, *arguments):
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(scratch):
    """Puts this process and its children inside; `scratch`: the empty folder that they may fill.

    Returns what does not hold, as sentences. Call it before a thread is started; the process that
    called it only waits from then on, and a fork of it goes on.
    """
    missing = []
    if platform.machine() != "x86_64":
        missing.append(f"no filter of system calls: it is for x86-64, not {platform.machine()}")
    try:
        _enter_namespaces(scratch)
    except OSError as error:
        missing.append("no namespaces: files can be written, other processes be reached, and where "
                       f"there is no filter the network: {error.strerror}")
    return missing


def _enter_namespaces(scratch):
    user, group = os.getuid(), os.getgid()
    _call(libc.unshare, NEW_NAMESPACES)
    child = os.fork()  # the first process of its namespace: the others end with it
    if child:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _call(libc.prctl, PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"),
                       ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _call(libc.mount, None, b"/", None, MS_REC_PRIVATE, None)
    for device in HARMLESS_DEVICES:
        _call(libc.mount, device, device, None, MS_BIND, None)
    _set_mount(b"/", AT_RECURSIVE, READ_ONLY | NO_SETUID | NO_DEVICES, 0)
    for device in HARMLESS_DEVICES:
        _set_mount(device, 0, 0, NO_DEVICES)
    _call(libc.mount, b"none", os.fsencode(scratch), b"tmpfs", NO_SETUID | NO_DEVICES, b"size=64m,mode=700")


def _set_mount(path, how, set_, clear):
    flags = struct.pack("<4Q", set_, clear, 0, 0)
    _call(libc.syscall, SYS_MOUNT_SETATTR, AT_FDCWD, path, how, flags, len(flags))


def confine(memory, seconds, program=None):
    """Takes from this process what a reader of one file does not need.

    `memory`: bytes that it may map, beside those that it has now, or, where `program`, a list of
    arguments, is given, all that that program may map: it is run then, in the place of this one.
    """
    mapped = 0 if program else int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    start = _Program(program) if program else None
    seconds = max(1, int(seconds))
    for limit, soft, hard in ((resource.RLIMIT_CORE, 0, 0),
                              (resource.RLIMIT_FSIZE, LARGEST_FILE, LARGEST_FILE),
                              (resource.RLIMIT_CPU, seconds, seconds + 1),
                              (resource.RLIMIT_AS, mapped + memory, mapped + memory + SPARE)):
        resource.setrlimit(limit, (soft, hard))
    filter_ = _Filter(start.address if start else 0) if platform.machine() == "x86_64" else None
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call(libc.capset, struct.pack("<Ii", 0x20080522, 0), bytes(24))
    if filter_:
        _call(libc.prctl, PR_SET_SECCOMP, 2, ctypes.byref(filter_.program), 0, 0)
    if start:
        start()


def spare_memory():
    """Lets this process map a little more, for what is left to say."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


class _Program:
    """A program that can be started once, through a filter that forbids to start programs.

    A filter sees the pointer to a path, not the path. The one that it lets through is at random
    among 2^34 pages, which the program that runs then does not have; a wrong one is the end."""

    def __init__(self, arguments):
        path = os.fsencode(arguments[0]) + b"\0"
        page = resource.getpagesize()
        size = -(-len(path) // page) * page
        while True:
            wanted = page * (2**20 + secrets.randbelow(2**34 - 2**21))
            self.address = libc.mmap(wanted, size, 3, 0x100022, -1, 0)  # that address or none
            if self.address == wanted:
                break
        ctypes.memmove(self.address, path, len(path))
        self.arguments = self._list(os.fsencode(argument) for argument in arguments)
        self.environment = self._list(name + b"=" + value for name, value in os.environb.items())

    @staticmethod
    def _list(strings):
        strings = list(strings)
        return (ctypes.c_char_p * (len(strings) + 1))(*strings, None)

    def __call__(self):
        _call(libc.execve, ctypes.c_void_p(self.address), self.arguments, self.environment)


class _Filter:
    """The program for seccomp; `address`: of the only path that may be executed."""

    class _Listing(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    def __init__(self, address):
        number, architecture, first_low, first_high = 0, 4, 16, 20  # in struct seccomp_data
        code = [(LOAD, 0, 0, architecture), (EQUAL, 1, 0, AUDIT_ARCH_X86_64), (RETURN, 0, 0, KILL),
                (LOAD, 0, 0, number), (AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL)]
        for call in FORBIDDEN.values():
            code += [(EQUAL, 0, 1, call), (RETURN, 0, 0, KILL)]
        # Its flags are out of sight: C libraries use clone() where there is no clone3().
        code += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, NO_SUCH_CALL)]
        code += [(EQUAL, 0, 4, CLONE), (LOAD, 0, 0, first_low), (ANY_BIT, 0, 1, CLONE_THREAD),
                 (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL)]
        code += [(EQUAL, 0, 6, EXECVE),
                 (LOAD, 0, 0, first_low), (EQUAL, 0, 3, address & 0xFFFFFFFF),
                 (LOAD, 0, 0, first_high), (EQUAL, 0, 1, address >> 32),
                 (RETURN, 0, 0, ALLOW if address else KILL), (RETURN, 0, 0, KILL)]
        code += [(RETURN, 0, 0, ALLOW)]
        packed = b"".join(struct.pack("<HBBI", *line) for line in code)
        self.bytes = ctypes.create_string_buffer(packed, len(packed))
        self.program = self._Listing(len(code), ctypes.addressof(self.bytes))
