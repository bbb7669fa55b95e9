#!/usr/bin/python3
"""What the engine reaches: hardload, Python's torch and the machine itself, in one run.

usage: ./bazelw run //bench:engine -- [--gib N] [--repetitions N] [--folder FOLDER]

Every sample is a process of its own (fresh_load.cc, torch_load.py), and samples of different
contenders take turns. Each begins in memory that has just been touched and freed, four times the
file (bench/machine.h says why); the rows called unprimed do not. Each result's digest has to be that
of the file. Ceilings move the same bytes and do nothing else. Prints a table: medians, and how many
times as fast hardload is, by medians and by the fastest samples: a disk's speed changes from file to
file.
"""

import argparse
import ctypes
import json
import mmap
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

# `bazel run` starts programs among their data files.
HERE = pathlib.Path("bench")
TORCH_PYTHON = pathlib.Path("external/torch_python/python3")

# Title, hardload's case, and the rivals that it is compared with: torch's, or a ceiling's.
ROWS = [
    ("load, fresh process", "load", ["torch load", "read"]),
    ("load, no CRC", "load-no-crc", ["torch load", "read"]),
    ("load_into, untouched module", "into-untouched",
     ["torch load-into-untouched", "torch mmap-into-untouched", "read"]),
    ("load_into, initialised module", "into", ["torch load-into", "torch mmap-into", "read"]),
    ("in place, initialised module", "in-place", ["torch mmap-into", "read"]),
    ("in place, warm process", "warm-in-place", ["warm-memcpy"]),
    ("in place, warm process, no CRC", "warm-in-place-no-crc", ["warm-memcpy"]),
]
SAFETENSORS_ROWS = [
    ("load, fresh process", "load", ["torch load-file", "read"]),
    ("load, mapped", "mapped", ["torch load-file"]),  # as load_file does it, too
]
LEGACY_ROWS = [("load, fresh process", "load", ["torch load", "read"])]
COLD_ROWS = [("load, cold file", "load", ["torch load", "direct"])]
TINY_ROWS = [
    ("load, 100,000 tensors of 16 bytes", "load", ["torch load"]),
    ("names, types and shapes of them", "list", ["torch meta"]),
]
# Of the same 100,000 tensors in other formats.
TINY_SAFETENSORS_ROWS = [("names, types and shapes of them", "list", ["torch safe-open"])]
TINY_LEGACY_ROWS = [("names, types and shapes of them", "list", ["torch load"])]


class Run:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.digest = None  # of the file that was written last

    def write(self, name, size, tensors):
        path = self.folder / name
        done = subprocess.run([HERE / "fresh_load", "write", path, str(size), str(tensors)],
                              check=True, capture_output=True, text=True)
        self.digest = int(done.stdout)
        return path

    def rewrite(self, path, form):
        """The same tensors in another format, written by its own library."""
        target = path.with_suffix("." + form)
        done = subprocess.run([TORCH_PYTHON, HERE / "torch_load.py", "write-" + form, path, target],
                              check=True, capture_output=True, text=True)
        self.digest = int(done.stdout)
        return target

    def sample(self, contender, path, primed, is_cold=False):
        """One process; `is_cold`: on a copy that was never read."""
        if is_cold:
            copy = self.folder / f"cold{random.getrandbits(64)}.pt"
            shutil.copyfile(path, copy)
            with open(copy, "rb+") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            path = copy
            if pages := cached_pages(path):
                sys.exit(f"{path}: {pages} pages of the copy are in the page cache")
        if contender.startswith("torch "):
            command = [TORCH_PYTHON, HERE / "torch_load.py", contender.removeprefix("torch ")]
        else:
            command = [HERE / "fresh_load", contender]
        done = subprocess.run([*command, path, str(primed)], capture_output=True, text=True)
        if is_cold:
            path.unlink()
        if done.returncode != 0:
            sys.exit(f"{contender}: {done.stderr}")
        return json.loads(done.stdout)

    def rows(self, title, path, rows, primed, is_cold=False):
        contenders = sorted({c for _, ours, rivals in rows for c in [ours, *rivals]})
        samples = {c: [] for c in contenders}
        for repetition in range(self.options.repetitions):
            random.shuffle(contenders)
            for number, contender in enumerate(contenders):
                print(f"\r{title}: {repetition * len(contenders) + number + 1} of "
                      f"{self.options.repetitions * len(contenders)} ", end="", file=sys.stderr)
                samples[contender].append(self.sample(contender, path, primed, is_cold))
        print("\r" + " " * 79 + "\r", end="", file=sys.stderr)
        for contender, taken in samples.items():
            # Ceilings, and what reads no tensors, have none.
            if {s["digest"] for s in taken} - {None, self.digest}:
                sys.exit(f"{title}: {contender} did not load what is in the file")
        # Before the call there is priming, else: nothing but the start of the program.
        exec_head = "" if primed else f"{'from exec':>10}"
        print(f"\n{title}\n{'':34}{'hardload':>10}{exec_head}{'CPU s':>7}{'MiB':>7}   beside")
        for name, ours, rivals in rows:
            mine = samples[ours]
            from_exec = "" if primed else show(mine, "from_exec")
            print(f"{name:34}{show(mine, 'seconds')}{from_exec}"
                  f"{middle(mine, 'cpu'):7.2f}{middle(mine, 'memory') / 2**20:7.0f}   "
                  + "; ".join(self.beside(rival, samples[rival], mine) for rival in rivals))

    @staticmethod
    def beside(name, theirs, mine):
        ratio = middle(theirs, "seconds") / middle(mine, "seconds")
        best = fastest(theirs) / fastest(mine)
        return f"{name} {show(theirs, 'seconds').strip()} = {ratio:.2f} x ({best:.2f})"


def cached_pages(path):
    """How many pages of the file are in the page cache."""
    size = path.stat().st_size
    pages = (ctypes.c_ubyte * (-(-size // mmap.PAGESIZE)))()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        view = (ctypes.c_char * size).from_buffer(mapped)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mincore(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(size), pages) != 0:
            raise OSError(ctypes.get_errno(), "mincore")
        del view
    return sum(page & 1 for page in pages)


def fastest(samples):
    return min(sample["seconds"] for sample in samples)


def middle(samples, field):
    return statistics.median(sample[field] for sample in samples)


def show(samples, field):
    seconds = middle(samples, field)
    return f"{seconds * 1e3:7.0f} ms" if seconds < 10 else f"{seconds:8.1f} s"


def main():
    parser = argparse.ArgumentParser(prog="engine", description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=1, help="size of the file (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=9, help="samples of each (%(default)s)")
    parser.add_argument("--folder", help="where to write files; on the disk that is to be measured")
    options = parser.parse_args()
    size = int(options.gib * 2**30)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        run = Run(options, pathlib.Path(folder))
        path = run.write("large.pt", size, 64)
        name = f"{options.gib:g} GiB in 64 tensors"
        run.rows(name, path, ROWS, 4 * size)
        run.rows(name + ", unprimed memory", path, ROWS[:2], 0)
        run.rows(name + ", not in the page cache", path, COLD_ROWS, 4 * size, is_cold=True)
        for form, rows in (("safetensors", SAFETENSORS_ROWS), ("legacy", LEGACY_ROWS)):
            other = run.rewrite(path, form)
            run.rows(f"{name}, {form}", other, rows, 4 * size)
            other.unlink()
        name = "100,000 tensors of 16 bytes"
        tiny = run.write("tiny.pt", 100_000 * 16, 100_000)
        run.rows(name, tiny, TINY_ROWS, 1 << 30)
        for form, rows in (("safetensors", TINY_SAFETENSORS_ROWS), ("legacy", TINY_LEGACY_ROWS)):
            run.rows(f"{name}, {form}", run.rewrite(tiny, form), rows, 1 << 30)


if __name__ == "__main__":
    main()
