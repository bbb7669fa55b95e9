"""Runs a case of the gate under callgrind, and counts what it does.

Valgrind runs a program on a processor of its own: where the real one has AVX2, that is always the
same one, so that the functions which the C library, libdeflate, LibTorch and hardload choose by the
processor are the same on all machines. It has neither VPCLMULQDQ nor AVX-512.
"""

import collections
import json
import os
import pathlib
import re
import subprocess

COUNTERS = ["instructions", "allocations", "allocated_bytes", "copied_bytes", "system_calls",
            "read_bytes", "written_bytes", "huge_page_bytes"]

_CALL = re.compile(r"SYSCALL\[\d+,\s*(\d+)\]\(\s*(\d+)\)\s*(.*)")
_NAME = re.compile(r"(?:sys|sys64|sys32)_(\w+)")
_SUCCESS = re.compile(r"Success\(0x([0-9a-f]+)")
_ADVICE = re.compile(r"\(\s*\S+\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")
_MADV_HUGEPAGE = 14


class SystemCalls:
    """The system calls between two calls of getppid in a log of --trace-syscalls=yes."""

    def __init__(self, log):
        self.names = collections.Counter()
        self.read_bytes = self.written_bytes = self.huge_page_bytes = 0
        marks, waiting = 0, {}
        for line in log.splitlines():
            found = _CALL.search(line)
            if not found:
                continue
            thread, number, rest = found.groups()
            if rest.startswith("..."):  # how a call ended that was begun on a line above
                name = waiting.pop(thread, None)
            else:
                named = _NAME.match(rest)
                name = named.group(1) if named else number
                if name == "getppid":
                    marks += 1
                    continue
                if marks != 1:
                    continue
                self.names[name] += 1
                if name == "madvise":
                    advice = _ADVICE.search(rest)
                    if advice and int(advice.group(2)) == _MADV_HUGEPAGE:
                        self.huge_page_bytes += int(advice.group(1))
                waiting[thread] = name
            result = _SUCCESS.search(rest)
            if name and result:
                if re.fullmatch(r"p?read(64|v2?)?", name):
                    self.read_bytes += int(result.group(1), 16)
                elif re.fullmatch(r"p?write(64|v2?)?", name):
                    self.written_bytes += int(result.group(1), 16)
        if marks != 2:
            raise RuntimeError(f"{marks} marks instead of 2 in the log of system calls")


def instructions(folder):
    """Of the call that was counted, from the dump that it made."""
    for dump in pathlib.Path(folder).glob("callgrind.*"):
        text = dump.read_text()
        if "Trigger: Client Request" in text:
            return int(re.search(r"^totals: (\d+)", text, re.MULTILINE).group(1))
    raise RuntimeError("callgrind counted nothing")


def under_valgrind(program, arguments, folder):
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--trace-syscalls=yes",
               "--read-inline-info=no", "--log-file=log", "--callgrind-out-file=callgrind",
               pathlib.Path(program).absolute(), *arguments]
    # Not what the caller's environment says of memory and threads.
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def measure(program, case, folder):
    """What the case costs: a count for each of COUNTERS; and its system calls by name."""
    # In the folder: paths that are longer on one machine than on another are copied, too.
    counts = under_valgrind(program, ["run", case, "."], folder)
    calls = SystemCalls(pathlib.Path(folder, "log").read_text(errors="replace"))
    counts["instructions"] = instructions(folder)
    counts["system_calls"] = sum(calls.names.values())
    for counter in ("read_bytes", "written_bytes", "huge_page_bytes"):
        counts[counter] = getattr(calls, counter)
    return {counter: counts[counter] for counter in COUNTERS}, calls.names


def about(program, folder):
    """What counts depend on besides the code."""
    version = subprocess.run(["valgrind", "--version"], check=True, capture_output=True, text=True)
    return under_valgrind(program, ["about"], folder) | {"valgrind": version.stdout.strip()}
