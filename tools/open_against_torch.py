#!/usr/bin/env python3
"""Times `hardload inspect` against torch.load(map_location="meta") on the same file, in one run.

usage: tools/open_against_torch.py [TENSORS] [SAMPLES]      (default: 100000 tensors, 5 samples)

Needs a python3 that has torch, and bazel-bin/hardload (./bazelw build //:hardload). Both read all
names and shapes and no tensor data. hardload's time is of the whole process, from exec to its last
line of JSON in a file; torch's is of the call alone, without starting Python or importing torch. Samples take
turns. Exits with 1 where the two disagree.
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

HARDLOAD = pathlib.Path(__file__).resolve().parent.parent / "bazel-bin/hardload"


def main():
    tensors = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "many.pt")
        torch.save(collections.OrderedDict(
            (f"layers.{i // 8}.block{i % 8}.weight", torch.full((4,), float(i)))
            for i in range(tensors)), path)
        ours, theirs = [], []
        for sample in range(samples):
            listing = pathlib.Path(folder, "listing.json")
            with open(listing, "wb") as out:
                start = time.perf_counter()
                subprocess.run([HARDLOAD, "inspect", path, "--format", "json"],
                               stdout=out, check=True)
                ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            loaded = torch.load(path, map_location="meta")
            theirs.append(time.perf_counter() - start)
            listed = [(t["name"], tuple(t["shape"])) for t in json.loads(listing.read_bytes())["tensors"]]
            if listed != [(name, tuple(t.shape)) for name, t in loaded.items()]:
                sys.exit("hardload and torch disagree on what is in the file")
            print(f"sample {sample + 1}: hardload {ours[-1]:.3f} s, torch {theirs[-1]:.3f} s, "
                  f"ratio {theirs[-1] / ours[-1]:.1f}")
    ratios = [their / our for our, their in zip(ours, theirs)]
    print(f"{tensors} tensors: hardload inspect {statistics.median(ours):.3f} s, "
          f"torch.load(map_location=\"meta\") {statistics.median(theirs):.3f} s; "
          f"{statistics.median(ratios):.1f} times faster (worst pair {min(ratios):.1f})")


if __name__ == "__main__":
    main()
