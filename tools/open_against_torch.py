#!/usr/bin/env python3
"""Times opening files of many tensors against the real readers, in one run.

usage: tools/open_against_torch.py [TENSORS] [SAMPLES]      (default: 100000 tensors, 5 samples)

Needs a python3 that has torch and safetensors, bazel-bin/hardload and
bazel-bin/tests/support/open_file (./bazelw build //:hardload //tests/support:open_file). All read all
names and shapes and no tensor data; samples take turns.

A file of torch.save: `hardload inspect` against torch.load(map_location="meta"). hardload's time is
of the whole process, from exec to its last line of JSON in a file; torch's is of the call alone,
without starting Python or importing torch.

A file of safetensors: opening and describing it and listing the names in a running program, in C++,
against safe_open() and keys() in a running Python.

Exits with 1 where two disagree on what is in a file.
"""

import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file

BIN = pathlib.Path(__file__).resolve().parent.parent / "bazel-bin"
HARDLOAD = BIN / "hardload"
OPEN_FILE = BIN / "tests/support/open_file"


def timed(function):
    start = time.perf_counter()
    made = function()
    return time.perf_counter() - start, made


def inspect(path, listing):
    with open(listing, "wb") as out:
        subprocess.run([HARDLOAD, "inspect", path, "--format", "json"], stdout=out, check=True)


def listed_in(listing):
    return [(t["name"], tuple(t["shape"])) for t in json.loads(listing.read_bytes())["tensors"]]


def compare(path, samples, ours, theirs, what_ours, what_theirs):
    """`ours` and `theirs` give the seconds that one sample took."""
    pairs = []
    for sample in range(samples):
        pairs.append((ours(), theirs()))
        our, their = pairs[-1]
        print(f"{path.name}, sample {sample + 1}: hardload {our:.3f} s, the other {their:.3f} s, "
              f"ratio {their / our:.1f}")
    ratios = [their / our for our, their in pairs]
    ours, theirs = map(statistics.median, zip(*pairs))
    print(f"{what_ours} {ours:.3f} s, {what_theirs} {theirs:.3f} s; "
          f"{statistics.median(ratios):.1f} times faster (worst pair {min(ratios):.1f})")


def compare_zip(state, folder, samples):
    path, listing = folder / "many.pt", folder / "listing.json"
    torch.save(state, path)

    def theirs():
        seconds, loaded = timed(lambda: torch.load(path, map_location="meta"))
        if listed_in(listing) != [(name, tuple(t.shape)) for name, t in loaded.items()]:
            sys.exit("hardload and torch disagree on what is in the file")
        return seconds

    compare(path, samples, lambda: timed(lambda: inspect(path, listing))[0], theirs,
            f"{len(state)} tensors: hardload inspect", 'torch.load(map_location="meta")')


def compare_safetensors(state, folder, samples):
    path, listing = folder / "many.safetensors", folder / "listing.json"
    save_file(state, path)
    inspect(path, listing)
    listed = listed_in(listing)
    program = subprocess.Popen([OPEN_FILE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)

    def ours():
        program.stdin.write(f"{path}\n")
        program.stdin.flush()
        seconds, names = program.stdout.readline().split()
        if int(names) != len(listed):
            sys.exit("hardload lists another number of tensors than it has described")
        return float(seconds)

    def names_in_file():
        file = safe_open(path, "pt")
        return file.keys(), file

    def theirs():
        seconds, (names, _) = timed(names_in_file)  # neither counts what closing takes
        if sorted(name for name, _ in listed) != sorted(names):
            sys.exit("hardload and safetensors disagree on what is in the file")
        return seconds

    compare(path, samples, ours, theirs, f"{len(state)} tensors: hardload's open and names",
            "safe_open() and keys()")
    program.stdin.close()
    program.wait()


def main():
    tensors = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    state = collections.OrderedDict(
        (f"layers.{i // 8}.block{i % 8}.weight", torch.full((4,), float(i)))
        for i in range(tensors))
    with tempfile.TemporaryDirectory() as folder:
        compare_safetensors(state, pathlib.Path(folder), samples)
        compare_zip(state, pathlib.Path(folder), samples)


if __name__ == "__main__":
    main()
