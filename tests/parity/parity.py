#!/usr/bin/env python3
"""Compares hardload with the real torch on random objects, in both directions.

usage: parity.py [TREES] [FIRST_SEED]      (default: 300 trees from seed 0; see README.md)

For each seed: torch writes a random object (trees.py); what `hardload inspect` says of the file
has to be what torch says of it (data/golden/describe.py). Then hardload loads the file through
LibTorch and saves it again; what torch reads from that, with weights_only and with and without
mmap, has to be the same again. A difference names its seed: run that one alone with `1 SEED`. The
report counts what was in the trees that were compared; what never was is a failure.
"""

import json
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden"]
import comparison  # noqa: E402
import describe  # noqa: E402
import trees  # noqa: E402

HARDLOAD = "./hardload"
RESAVE = "tests/support/resave"
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


def objects(root):
    """What describe() does not say: the classes of objects, and which of them are one."""
    seen, out, todo = {}, [], [root]
    while todo:
        value = todo.pop()
        if isinstance(value, (list, dict, torch.Tensor)):
            if id(value) in seen:
                out.append(seen[id(value)])
                continue
            seen[id(value)] = len(seen)
        out.append(type(value).__name__)
        if isinstance(value, torch.Tensor):
            out += [value.requires_grad, value.is_conj(), value.is_neg()]
        elif isinstance(value, dict):
            out.append(repr(getattr(value, "_metadata", None)))
            todo += [item for pair in value.items() for item in pair]
        elif isinstance(value, (list, tuple)):
            todo += value
    return out


def reads_with_weights_only(path):
    """Torch itself writes a few things that its weights_only does not read."""
    try:
        torch.load(path, weights_only=True)
        return True
    except Exception:
        return False


class Objects(comparison.Comparison):
    THINGS, COUNT, WANTED = "trees", 300, trees.WANTED

    def compare_batch(self, seeds, folder):
        made = {}
        for seed in seeds:
            tree = trees.Tree(seed)
            path = folder / f"tree{seed}.pt"
            try:
                torch.save(tree.root(), str(path))
            except (RuntimeError, NotImplementedError) as refusal:
                self.seen["trees that torch does not save"] += 1
                print(f"seed {seed}: torch does not save this: {str(refusal)[:100]}")
                continue
            made[path] = seed, tree.seen
        copies = folder / "copies"
        copies.mkdir()
        pairs = [name for path in made for name in (path, copies / path.name)]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for path, (seed, seen) in made.items():
            if self.compare(seed, path, copies / path.name, resaved.stderr):
                self.seen += seen

    def compare(self, seed, path, copy, messages):
        """Whether everything is equal."""
        expected = describe.describe(str(path))
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        got = json.loads(run.stdout)
        if text(got) != text(json.loads(describe.text(expected))):
            return self.fault(seed, "torch wrote, hardload reads otherwise", *difference(got, expected))
        if not copy.exists():
            reason = next((line for line in messages.splitlines() if line.startswith(str(path))), "")
            return self.fault(seed, "hardload does not save it", reason)
        again = describe.describe(str(copy))
        a, b = without(expected, OF_THE_FILE), without(again, OF_THE_FILE)
        if text(a) != text(b):
            return self.fault(seed, "hardload wrote, torch reads otherwise", *difference(b, a))
        a, b = [objects(torch.load(str(file), weights_only=False)) for file in (path, copy)]
        if a != b:
            first = next((pair for pair in zip(b, a) if pair[0] != pair[1]), (len(b), len(a)))
            return self.fault(seed, "hardload wrote, torch reads other objects", *first)
        if reads_with_weights_only(str(path)):
            for mmap in (False, True):
                torch.load(str(copy), weights_only=True, mmap=mmap)
            self.seen["trees that torch reads back with weights_only and mmap"] += 1
        self.seen["trees that are equal both ways"] += 1
        self.seen["trees that are written byte for byte as by torch"] += (
            path.read_bytes() == copy.read_bytes())
        return True


def difference(got, expected):
    """The first tensors that differ, or the values."""
    for a, b in zip(got["tensors"], expected["tensors"]):
        if text(a) != text(b):
            return text(a), text(b)
    return text(got["values"]), text(expected["values"])


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    sys.set_int_max_str_digits(0)
    Objects().run()
