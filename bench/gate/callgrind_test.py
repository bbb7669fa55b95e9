#!/usr/bin/python3
"""What is read in valgrind's log of system calls, and in callgrind's dump."""

import pathlib
import tempfile
import unittest

import callgrind

LOG = """\
==7== Callgrind, a call-graph generating cache profiler
SYSCALL[7,1](257) sys_openat ( 4294967196, 0x1(a.pt), 0 ) --> [async] ...
SYSCALL[7,1](257) ... [async] --> Success(0x3)
SYSCALL[7,1](110) sys_getppid ()[sync] --> Success(0x6)
SYSCALL[7,1](17) sys_pread64 ( 3, 0x5, 64, 0 ) --> [async] ...
SYSCALL[7,1](17) ... [async] --> Success(0x40)
SYSCALL[7,1](327) sys_preadv2 ( 3, 0x5, 1, 0, 0, 8 ) --> [async] ...
SYSCALL[7,2](1) sys_write ( 4, 0x5, 16 ) --> [async] ...
SYSCALL[7,1](327) ... [async] --> Failure(0xb)
SYSCALL[7,2](1) ... [async] --> Success(0x10)
SYSCALL[7,1](9) sys_mmap ( 0x0, 8192, 3, 34, -1, 0 ) --> [pre-success] Success(0x4a00000)
SYSCALL[7,1](28) sys_madvise ( 0x4a00000, 4194304, 14 )[sync] --> Success(0x0)
SYSCALL[7,1](28) sys_madvise ( 0x4a00000, 4096, 4 )[sync] --> Success(0x0)
SYSCALL[7,1](89) sys_readlink ( 0x1, 0x2, 9 )[sync] --> Success(0x9)
SYSCALL[7,1](110) sys_getppid ()[sync] --> Success(0x6)
SYSCALL[7,1](3) sys_close ( 3 )[sync] --> Success(0x0)
"""


class SystemCallsTest(unittest.TestCase):
    def test_counts_between_the_marks(self):
        [calls] = callgrind.system_calls(LOG)
        self.assertEqual(calls.names, {"pread64": 1, "preadv2": 1, "write": 1, "mmap": 1,
                                       "madvise": 2, "readlink": 1})
        self.assertEqual(calls.read_bytes, 64)
        self.assertEqual(calls.written_bytes, 16)
        self.assertEqual(calls.huge_page_bytes, 4 << 20)

    def test_each_two_marks_are_a_call(self):
        self.assertEqual(callgrind.system_calls(""), [])
        twice = callgrind.system_calls(LOG + LOG)
        self.assertEqual([calls.read_bytes for calls in twice], [64, 64])

    def test_needs_both_marks(self):
        with self.assertRaises(RuntimeError):
            callgrind.system_calls("SYSCALL[7,1](110) sys_getppid ()\n")


class InstructionsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def dump(self, number, trigger, count):
        (self.folder / f"callgrind.{number}").write_text(
            f"desc: Trigger: {trigger}\nevents: Ir\nsummary: 0\n\ntotals: {count}\n")

    def test_are_those_of_the_dump(self):
        self.dump(1, "Client Request: open", 77)
        self.dump(2, "Client Request: save", 88)
        self.assertEqual(callgrind.instructions(self.folder, 2), 88)

    def test_a_dump_of_something_else_is_an_error(self):
        self.dump(1, "Program termination", 1)
        with self.assertRaises(RuntimeError):
            callgrind.instructions(self.folder, 1)


if __name__ == "__main__":
    unittest.main()
