#!/usr/bin/env python3
"""Compares hardload with the real torch on random objects, in both directions.

usage: tests/parity/parity.py [TREES] [FIRST_SEED]      (default: 200 trees from seed 0)

Needs a python3 that has torch 2.11.0, and ./bazelw build //:hardload //tests/support:resave.
For each seed: torch writes a random object (trees.py); what `hardload inspect` says of the file
has to be what torch says of it (data/golden/describe.py). Then hardload loads the file through
LibTorch and saves it again; what torch reads from that, with weights_only and with and without
mmap, has to be the same again. A difference names its seed: run that one alone with `1 SEED`. The
report counts what occurred; what never did is a failure.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch

import trees

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "data/golden"))
import describe  # noqa: E402

HARDLOAD = ROOT / "bazel-bin/hardload"
RESAVE = ROOT / "bazel-bin/tests/support/resave"
BATCH = 100
# What differs from one file to its copy and has no meaning: where bytes lie.
OF_THE_FILE = {"file_offset"}


def without(description, names=()):
    """The description without what has no meaning: the order of a set, too."""
    if isinstance(description, dict):
        made = {k: without(v, names) for k, v in description.items() if k not in names}
        if made.get("$type") == "set":
            made["items"].sort(key=json.dumps)
        return made
    if isinstance(description, list):
        return [without(item, names) for item in description]
    return description


def text(description):
    return json.dumps(without(description))  # nan is equal to nan, 1 is not 1.0


def only_reads_with_everything_allowed(path):
    """Torch itself writes a few things that its weights_only does not read."""
    try:
        torch.load(path, weights_only=True)
        return False
    except Exception:
        return True


class Run:
    def __init__(self):
        self.seen = collections.Counter()
        self.faults = 0

    def fault(self, seed, what, *details):
        self.faults += 1
        print(f"seed {seed}: {what}", *[str(d)[:600] for d in details], sep="\n    ")

    def batch(self, seeds, folder):
        files = {}
        for seed in seeds:
            path = folder / f"tree{seed}.pt"
            tree = trees.Trees(seed, self.seen).tree()
            try:
                torch.save(tree, str(path))
            except (RuntimeError, NotImplementedError) as refusal:
                self.seen["trees that torch cannot save"] += 1
                if "different types" not in str(refusal) and "view" not in str(refusal):
                    print(f"seed {seed}: torch does not save this: {str(refusal)[:100]}")
                continue
            files[seed] = path
        copies = folder / "copies"
        copies.mkdir(exist_ok=True)
        pairs = [str(p) for path in files.values() for p in (path, copies / path.name)]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for seed, path in files.items():
            self.compare(seed, path, copies / path.name, resaved.stderr)

    def compare(self, seed, path, copy, messages):
        expected = describe.describe(str(path))
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        got = json.loads(run.stdout)
        if text(got) != text(json.loads(describe.text(expected))):
            return self.fault(seed, "torch wrote, hardload reads otherwise", *difference(got, expected))
        self.seen["read as torch reads it"] += 1
        if not copy.exists():
            reason = next((line for line in messages.splitlines() if line.startswith(str(path))), "")
            return self.fault(seed, "hardload does not save it", reason)
        again = describe.describe(str(copy))
        a, b = without(expected, OF_THE_FILE), without(again, OF_THE_FILE)
        if text(a) != text(b):
            return self.fault(seed, "hardload wrote, torch reads otherwise", *difference(b, a))
        if not only_reads_with_everything_allowed(str(path)):
            for mmap in (False, True):
                torch.load(str(copy), weights_only=True, mmap=mmap)
            self.seen["read with weights_only and mmap"] += 1
        self.seen["written as torch writes it"] += 1
        self.seen["byte for byte"] += path.read_bytes() == copy.read_bytes()
        return None


def difference(got, expected):
    """The first tensors that differ, or the values."""
    for a, b in zip(got["tensors"], expected["tensors"]):
        if text(a) != text(b):
            return text(a), text(b)
    return text(got["values"]), text(expected["values"])


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    warnings.simplefilter("ignore")
    sys.set_int_max_str_digits(0)
    run = Run()
    for start in range(first, first + count, BATCH):
        with tempfile.TemporaryDirectory() as folder:
            run.batch(range(start, min(start + BATCH, first + count)), pathlib.Path(folder))
        print(f"{start - first + BATCH} of {count}", file=sys.stderr)
    for name, number in sorted(run.seen.items()):
        print(f"{number:7}  {name}")
    absent = [name for name in trees.WANTED if run.seen[name] == 0] if count > 1 else []
    if absent:
        print("never occurred:", ", ".join(absent))
    print(f"{count} trees, {run.faults} differences")
    sys.exit(1 if run.faults or absent else 0)


if __name__ == "__main__":
    main()
