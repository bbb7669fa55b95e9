"""Runs cases of the gate under callgrind, and counts what they do.

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
    """Those of one call, by name, and what they moved."""

    def __init__(self):
        self.names = collections.Counter()
        self.read_bytes = self.written_bytes = self.huge_page_bytes = 0

    def begin(self, name, text):
        self.names[name] += 1
        if name == "madvise":
            advice = _ADVICE.search(text)
            if advice and int(advice.group(2)) == _MADV_HUGEPAGE:
                self.huge_page_bytes += int(advice.group(1))

    def end(self, name, result):
        if re.fullmatch(r"p?read(64|v2?)?", name):
            self.read_bytes += result
        elif re.fullmatch(r"p?write(64|v2?)?", name):
            self.written_bytes += result


def system_calls(log):
    """SystemCalls between each two calls of getppid in a log of --trace-syscalls=yes."""
    counted, current, waiting = [], None, {}
    for line in log.splitlines():
        found = _CALL.search(line)
        if not found:
            continue
        thread, number, text = found.groups()
        if text.startswith("..."):  # how a call ended that was begun on a line above
            name = waiting.pop(thread, None)
        else:
            named = _NAME.match(text)
            name = waiting[thread] = named.group(1) if named else number
            if name == "getppid":
                current = None if current else SystemCalls()
                counted += [current] if current else []
                continue
            if current:
                current.begin(name, text)
        result = _SUCCESS.search(text)
        if current and name and result:
            current.end(name, int(result.group(1), 16))
    if current:
        raise RuntimeError("the log of system calls ends within a call that is counted")
    return counted


def instructions(folder, number):
    """Of the call that was counted as the `number`th, from 1: callgrind dumps them one by one."""
    text = pathlib.Path(folder, f"callgrind.{number}").read_text()
    if "Trigger: Client Request" not in text:
        raise RuntimeError(f"callgrind's dump {number} is not of a call that was counted")
    return int(re.search(r"^totals: (\d+)", text, re.MULTILINE).group(1))


def under_valgrind(program, arguments, folder):
    """What it prints, line by line, each JSON."""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--trace-syscalls=yes",
               "--read-inline-info=no", "--log-file=log", "--callgrind-out-file=callgrind",
               pathlib.Path(program).absolute(), *arguments]
    # Nothing of the caller's; and how much malloc takes from the system at a time does not depend
    # on what was freed before.
    environment = {
        "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072:glibc.malloc.top_pad=67108864:"
                          "glibc.malloc.trim_threshold=1073741824"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(program, cases, folder):
    """What each case costs: {case: a count for each of COUNTERS}; {case: system calls by name}."""
    # In the folder: paths that are longer on one machine than on another are copied, too.
    printed = under_valgrind(program, ["run", ".", *cases], folder)
    calls = system_calls(pathlib.Path(folder, "log").read_text(errors="replace"))
    if not len(cases) == len(printed) == len(calls):
        raise RuntimeError(f"{len(cases)} cases, {len(printed)} results, {len(calls)} marked calls")
    costs, names = {}, {}
    for number, (case, counts, called) in enumerate(zip(cases, printed, calls), 1):
        counts["instructions"] = instructions(folder, number)
        counts["system_calls"] = sum(called.names.values())
        for counter in ("read_bytes", "written_bytes", "huge_page_bytes"):
            counts[counter] = getattr(called, counter)
        costs[case] = {counter: counts[counter] for counter in COUNTERS}
        names[case] = called.names
    return costs, names


def about(program, folder):
    """What counts depend on besides the code."""
    version = subprocess.run(["valgrind", "--version"], check=True, capture_output=True, text=True)
    [printed] = under_valgrind(program, ["about"], folder)
    return printed | {"valgrind": version.stdout.strip()}
