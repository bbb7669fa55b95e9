#!/usr/bin/python3
"""What a peer must not do, it cannot do in the jail; the same outside of it works."""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import unittest

WORKER = pathlib.Path("bench/malformed_worker.py").absolute()
SECONDS, MEMORY = 1, 256 << 20

# Each does one thing, and raises an exception where that fails.
DEEDS = {
    "a socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "a socket of the system": "import socket; socket.socket(socket.AF_UNIX)",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "a process": "import os; os.fork() or os._exit(0)",
    "a command": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    "a thread": "import threading; t = threading.Thread(target=int); t.start(); t.join()",
    "another's file": "open(OUTSIDE, 'w').write('x')",
    "a file of its own": "open('mine', 'w').write('x')",
    "a large file": "open('large', 'wb').truncate(1 << 30)",
    "a device": "open('/dev/zero', 'rb').read(1)",
    "no device": "open('/dev/null', 'w').write('x'); open('/dev/urandom', 'rb').read(1)",
    "another process": "import os; os.kill(OUTER, 0)",
    "no limit": "import resource as r; r.setrlimit(r.RLIMIT_CPU, (r.RLIM_INFINITY,) * 2)",
    "memory": "bytearray(1 << 30)",
    "all its time": "import time\nwhile time.process_time() < 2 * SECONDS: pass",
    "a forged answer": "import os\n"
                       "for fd in range(3, 64):\n"
                       "  try: os.write(fd, b'forged\\n')\n"
                       "  except OSError: pass\n",
    "nothing": "pass",
}
NEEDS_NAMESPACES = {"another's file", "a device", "another process"}
NEEDS_FILTER = {"a socket", "a socket of the system", "a program", "a process", "a command"}
# The rest: what a peer may do.
ALLOWED = {"a thread", "no device", "a file of its own", "a forged answer", "nothing"}

ADAPTER = """
TITLE, VERSION, FORMATS = "deeds", "", ["zip"]
SECONDS, OUTSIDE, OUTER = {0!r}, {1!r}, {2!r}
def load(path):
    exec(open(path).read(), globals())
"""
PROGRAM = """
TITLE, VERSION, FORMATS = "a program", "", ["zip"]
def command(path):
    return [{0!r}, "-S", "-E", "-c", "exec(open(" + repr(path) + ").read())"]
"""


class Jail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        cls.outside = str(cls.folder / "outside")
        cls.known = {"SECONDS": SECONDS, "OUTSIDE": cls.outside, "OUTER": os.getpid()}
        cls.answers = cls.ask(ADAPTER.format(SECONDS, cls.outside, os.getpid()))
        cls.of_program = cls.ask(PROGRAM.format(sys.executable), ["a program", "a command", "nothing"])

    @classmethod
    def ask(cls, adapter, deeds=DEEDS):
        path = cls.folder / "adapter.py"
        path.write_text(adapter)
        files = []
        for number, name in enumerate(deeds):
            files.append(cls.folder / f"deed{number}")
            files[-1].write_text(DEEDS[name])
        with tempfile.TemporaryDirectory(dir=cls.folder) as scratch:
            done = subprocess.run(
                [sys.executable, "-B", WORKER, path, scratch, str(MEMORY), str(SECONDS)],
                input="".join(json.dumps(str(file)) + "\n" for file in files),
                capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(lines) == 1 + len(files), done.stderr
        cls.missing = lines[0]["missing"]
        return dict(zip(deeds, lines[1:]))

    def caught(self, name):
        answer = self.answers[name]
        return answer["timed_out"] or answer["status"] != 0

    def test_what_it_is_without_is_said(self):
        can = subprocess.run(["unshare", "--user", "--map-current-user", "--mount", "--net", "true"],
                             capture_output=True).returncode == 0
        self.assertEqual(len(self.missing), (not can) + (platform.machine() != "x86_64"))

    def test_what_is_allowed_works(self):
        for name in ALLOWED:
            self.assertFalse(self.caught(name), (name, self.answers[name]))

    def test_everything_else_is_caught(self):
        open_to_it = set()
        for text in self.missing:
            open_to_it |= NEEDS_FILTER if "filter" in text else NEEDS_NAMESPACES
        for name in DEEDS.keys() - ALLOWED - open_to_it:
            self.assertTrue(self.caught(name), (name, self.answers[name]))
        self.assertFalse(os.path.exists(self.outside) and not open_to_it)

    def test_by_what(self):
        if not self.missing:
            for name in NEEDS_FILTER:
                self.assertEqual(self.answers[name]["status"], "SIGSYS", name)
            self.assertIn("Read-only file system", self.answers["another's file"]["message"])
            self.assertIn("No such process", self.answers["another process"]["message"])
        self.assertIn("MemoryError", self.answers["memory"]["message"])
        self.assertIn("File too large", self.answers["a large file"]["message"])
        self.assertTrue(self.answers["all its time"]["timed_out"] or
                        self.answers["all its time"]["status"] == "SIGXCPU")

    @unittest.skipUnless(platform.machine() == "x86_64", "there is no filter")
    def test_a_program_is_started_once(self):
        self.assertEqual(self.of_program["nothing"]["status"], 0, self.of_program)
        self.assertEqual(self.of_program["a program"]["status"], "SIGSYS")
        self.assertEqual(self.of_program["a command"]["status"], "SIGSYS")

    def test_without_it_all_of_that_works(self):
        for name, deed in DEEDS.items():
            start = "".join(f"{key} = {value!r}\n" for key, value in self.known.items())
            done = subprocess.run([sys.executable, "-c", start + deed], cwd=self.folder,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, (name, done.stderr))


if __name__ == "__main__":
    unittest.main()
