#!/usr/bin/python3
"""Each malformed file in a process of its own: the right answer, in little memory.

Here are also the files that are too large to keep, the sweeps over whole pickles,
and the paths that
are no files.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path.cwd()
MALFORMED = ROOT / "data/malformed"
sys.path.insert(0, str(MALFORMED))

import checkpoint  # noqa: E402
import pickle_code  # noqa: E402

CASES = json.loads((MALFORMED / "expected.json").read_text())
# The system counts what this process had when it began the other one, some 40 MiB, as the other's.
KEPT_KIB = 64 << 10
LARGE_KIB = 128 << 10  # and LARGE_RATIO times what the file occupies
LARGE_RATIO = 32


def hardload(*arguments):
    """Exit status, both outputs, and the most memory that it took, in KiB."""
    process = subprocess.Popen([ROOT / "hardload", *map(str, arguments)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    stdout, stderr = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    return process.returncode, stdout.decode(), stderr.decode(), usage.ru_maxrss


class Files(unittest.TestCase):
    def check(self, case, path, most_kib):
        """The answer of verify, and of inspect where the file loads."""
        status, stdout, stderr, peak = hardload("verify", path)
        self.assertLess(peak, most_kib, case)
        self.assertEqual(stderr, "", case)
        if "loads" in case or case["stage"] == "place":
            self.assertEqual((status, "fine" in stdout), (0, True), (case, stdout))
        else:
            self.assertEqual(status, 1, (case, stdout))
            first = stdout.splitlines()[0]
            self.assertIn(f": {case['kind']} error", first)
            self.assertIn(case["part"], first)
            self.assertIn(case["record"], first)
        if "count" in case:
            status, stdout, stderr, _ = hardload("inspect", path, "--format", "json")
            self.assertEqual((status, stderr), (0, ""), case)
            self.assertEqual(len(json.loads(stdout)["tensors"]), case["count"])

    def test_kept(self):
        for case in CASES:
            if not case.get("at_run_time"):
                self.check(case, MALFORMED / case["file"], KEPT_KIB)

    def test_large(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-B", MALFORMED / "make.py", "--at-run-time", folder],
                           check=True)
            cases = [case for case in CASES if case.get("at_run_time")]
            self.assertEqual(sorted(os.listdir(folder)), sorted(case["file"] for case in cases))
            for case in cases:
                path = pathlib.Path(folder, case["file"])
                occupied = path.stat().st_blocks // 2
                self.check(case, path, LARGE_KIB + LARGE_RATIO * occupied)


class Sweeps(unittest.TestCase):
    def answer_to(self, pickle):
        with tempfile.NamedTemporaryFile() as file:
            file.write(checkpoint.pickled(pickle))
            file.flush()
            return hardload("verify", file.name)

    def test_every_strict_prefix_of_a_pickle_is_refused(self):  # P01
        whole = pickle_code.program(checkpoint.STATE)
        self.assertEqual(self.answer_to(whole)[0], 0)
        for size in range(len(whole)):
            status, stdout, _, _ = self.answer_to(whole[:size])
            self.assertEqual(status, 1, size)
            self.assertIn("Pickle error in record 'archive/data.pkl'", stdout, size)

    def test_every_byte_as_an_instruction(self):  # P03
        known = set(b"N\x88\x89JKM\x8a\x8bGXTU)\x85\x86\x87t]}\x8faesu(01qrhjcR\x81bQ\x80.")
        for byte in range(256):
            status, stdout, _, _ = self.answer_to(b"\x80\x02" + bytes([byte]) + b".")
            if byte not in known:
                self.assertEqual(status, 1, byte)
                self.assertIn(f"at byte 2: byte {byte} is no instruction", stdout)
            elif status != 0:
                self.assertIn("Pickle error in record 'archive/data.pkl'", stdout)


class Paths(unittest.TestCase):
    """What cannot be opened, or is no file: never a wait, and never a finding."""

    def check(self, path, kind):
        status, stdout, stderr, _ = hardload("verify", path)
        self.assertEqual((status, stdout), (2, ""), path)
        self.assertIn(f"{kind} error", stderr)

    def test_nothing_there(self):  # V01
        with tempfile.TemporaryDirectory() as folder:
            dangling, loop = pathlib.Path(folder, "dangling"), pathlib.Path(folder, "loop")
            dangling.symlink_to("nowhere")
            loop.symlink_to("loop")
            for path in (pathlib.Path(folder, "none"), dangling, loop, "x" * 300, "x/" * 3000):
                self.check(path, "Io")

    def test_no_regular_file(self):  # V02
        with tempfile.TemporaryDirectory() as folder:
            pipe, listener = pathlib.Path(folder, "pipe"), pathlib.Path(folder, "socket")
            os.mkfifo(pipe)
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(listener))
                for path in (folder, pipe, listener, "/dev/null", "/dev/zero"):
                    self.check(path, "NotRegular")

    def test_files_of_the_process_file_system(self):  # V11
        status, stdout, stderr, _ = hardload("verify", "/proc/self/maps")
        self.assertEqual((status, stderr), (1, ""))
        self.assertIn("TooShort error", stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
