#!/usr/bin/env python3
"""Compares hardload with the state dicts that torch.export.save writes.

usage: pt2.py [FILES] [FIRST_SEED]      (default: 100 files from seed 0; see README.md)

For each seed an exported program is given a random state dict, and torch.export.save writes it. What
`hardload inspect --digest` says of the file has to be what torch says of the tensors; then hardload
loads it through LibTorch and saves it as a checkpoint, and what torch.load reads from that has to be
the same tensors, bit for bit, with what is shared shared, and parameters with their requires_grad.
"""

import hashlib
import io
import json
import random
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden"]
import comparison  # noqa: E402
import describe  # noqa: E402

HARDLOAD = "./hardload"
RESAVE = "tests/support/resave"
# What torch/_export/serde/schema.py has a number for.
DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32",
          "complex64", "complex128", "bool", "bfloat16", "uint16", "float8_e4m3fn", "float8_e5m2",
          "float8_e4m3fnuz", "float8_e5m2fnuz"]
KINDS = ["dense", "transposed", "parameter", "frozen parameter", "scalar", "empty", "view", "tied"]
PIECES = ["layers", "weight", "0", "é", "a b", '"', "\\", "\n", "😀"]


class StateDict:
    def __init__(self, seed):
        self.random = random.Random(seed)
        torch.manual_seed(seed)
        self.seen = []
        self.tensors = {}
        for _ in range(self.random.choice([1, 2, 5, 20])):
            name = ".".join(self.random.choices(PIECES, k=self.random.randint(1, 3)))
            self.tensors[name] = self.tensor()

    def tensor(self):
        kind = self.random.choice(KINDS)
        plain = [t for t in self.tensors.values() if not isinstance(t, torch.nn.Parameter)]
        if kind in ("view", "tied") and not plain:
            kind = "dense"
        self.seen.append("tensors: " + kind)
        if kind == "tied":
            return self.random.choice(plain)
        if kind == "view":
            whole = self.random.choice(plain)
            return whole[1:] if whole.dim() > 0 and len(whole) > 1 else whole
        dtype = self.random.choice(["float32", "float64", "bfloat16"] if "parameter" in kind else DTYPES)
        self.seen.append("tensors of " + dtype)
        shape = [] if kind == "scalar" else [self.random.randint(1, 4) for _ in range(self.random.randint(1, 3))]
        if kind == "empty":
            shape[0] = 0
        bits = torch.randint(0, 256, (*shape, getattr(torch, dtype).itemsize), dtype=torch.uint8)
        if dtype == "bool":
            bits %= 2
        tensor = bits.view(getattr(torch, dtype)).reshape(shape)
        if kind == "transposed" and len(shape) > 1:
            tensor = tensor.transpose(0, 1)
        if "parameter" in kind:
            return torch.nn.Parameter(tensor, requires_grad=kind == "parameter")
        return tensor


class Files(comparison.Comparison):
    THINGS, COUNT = "files", 100
    WANTED = ["tensors: " + kind for kind in KINDS] + ["tensors of " + name for name in DTYPES]

    def compare_batch(self, seeds, folder):
        program = torch.export.export(torch.nn.Identity(), (torch.zeros(1),))
        made = {}
        for seed in seeds:
            state = StateDict(seed)
            program._state_dict = state.tensors
            buffer = io.BytesIO()
            torch.export.save(program, buffer)
            path = folder / f"file{seed}.pt2"
            path.write_bytes(buffer.getvalue())
            made[path] = seed, state
        copies = folder / "copies"
        copies.mkdir()
        pairs = [name for path in made for name in (path, copies / path.name)]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for path, (seed, state) in made.items():
            self.compare(seed, state, path, copies / path.name, resaved.stderr)

    def compare(self, seed, state, path, copy, messages):
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        listed = json.loads(run.stdout)
        if listed["container"] != "pt2":
            return self.fault(seed, "another container", listed["container"])
        # The file has tied ones beside each other.
        expected = sorted(facts_of(name, tensor) for name, tensor in state.tensors.items())
        got = [[t["name"], t["dtype"], t["shape"], t["strides"], t["sha256"]] for t in listed["tensors"]]
        if sorted(got) != expected:
            return self.fault(seed, "hardload reads otherwise", got, expected)
        if not copy.exists():
            return self.fault(seed, "hardload does not load it", messages)
        loaded = torch.load(copy, weights_only=True)
        again = sorted(facts_of(name, tensor) for name, tensor in loaded.items())
        if again != expected:
            return self.fault(seed, "hardload loads otherwise", again, expected)
        for name, tensor in state.tensors.items():
            other = loaded[name]
            if (type(other), other.requires_grad) != (type(tensor), tensor.requires_grad):
                return self.fault(seed, f"another type of {name!r}", type(other), type(tensor))
        if sharing(loaded) != sharing({name: state.tensors[name] for name in loaded}):
            return self.fault(seed, "other tensors share memory")
        self.seen.update(state.seen)
        return None


def facts_of(name, tensor):
    return [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), list(tensor.stride()),
            hashlib.sha256(describe.logical_bytes(tensor)).hexdigest()]


def sharing(tensors):
    """For each tensor with elements, the first one in its storage, and where in it it begins."""
    first = {}
    return [(first.setdefault(t.untyped_storage()._cdata, name), t.storage_offset())
            for name, t in tensors.items() if t.numel() > 0]


if __name__ == "__main__":
    Files().run()
