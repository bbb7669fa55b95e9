#!/usr/bin/env python3
"""Times hardload's load_state_dict against PyTorch's, of the same tensors, in one run.

usage: tools/load_state_dict_against_torch.py [CHILDREN] [SAMPLES]     (default: 8000, 3)

Needs a python3 that has torch, and bazel-bin/bench/flat_load (./bazelw build //bench:flat_load).
The model has CHILDREN modules side by side with a parameter of four numbers each: PyTorch looks at
all keys again for every child. Both sides have loaded the file before the clock starts; samples
take turns. Then hardload alone, at sizes up to a million keys, to see how it grows.
"""

import collections
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

FLAT_LOAD = pathlib.Path(__file__).resolve().parent.parent / "bazel-bin/bench/flat_load"


class Child(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4))


def write(folder, children):
    path = pathlib.Path(folder, f"flat{children}.pt")
    torch.save(collections.OrderedDict(
        (f"{i}.weight", torch.full((4,), float(i))) for i in range(children)), path)
    return path


def ours(path, children, samples):
    run = subprocess.run([FLAT_LOAD, path, str(children), str(samples)], capture_output=True,
                         text=True, check=True)
    return min(map(float, run.stdout.split()))


def main():
    children = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, children)
        state = torch.load(path)
        model = torch.nn.ModuleList(Child() for _ in range(children))
        ratios = []
        for sample in range(samples):
            start = time.perf_counter()
            model.load_state_dict(state)
            theirs = time.perf_counter() - start
            mine = ours(path, children, 5)
            ratios.append(theirs / mine)
            print(f"sample {sample + 1}: hardload {mine * 1e3:.2f} ms, torch {theirs:.2f} s, "
                  f"ratio {ratios[-1]:.0f}")
        print(f"{children} children: {statistics.median(ratios):.0f} times faster "
              f"(worst {min(ratios):.0f})")
        sizes = [10_000, 30_000, 100_000, 300_000, 1_000_000]
        times = []
        for size in sizes:
            path = write(folder, size)
            times.append(ours(path, size, 3))
            path.unlink()
            print(f"{size} keys: {times[-1] * 1e3:.1f} ms, {times[-1] / size * 1e9:.0f} ns each")
        x, y = [math.log(s) for s in sizes], [math.log(t) for t in times]
        slope = (sum((a - statistics.mean(x)) * (b - statistics.mean(y)) for a, b in zip(x, y)) /
                 sum((a - statistics.mean(x)) ** 2 for a in x))
        print(f"grows with the number of keys to the power of {slope:.2f}")


if __name__ == "__main__":
    main()
