#!/usr/bin/env python3
"""Compares hardload with the real torch on what LibTorch's own pickler writes.

usage: script.py [FILES] [FIRST_SEED]      (default: 200 files from seed 0; see README.md)

For each seed: torch.jit.save writes a random module, scripted or traced, or torch::pickle_save a
random value. What `hardload inspect` says of the file has to be what torch says of it
(data/golden/describe.py): every tensor of torch.jit.load(FILE).state_dict() is there under its name,
in its order and bit for bit; and of a scripted module nothing else is there but the tensors that
were neither parameters nor buffers. A difference names its seed: run that one alone with `1 SEED`.
"""

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
DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "bool", "complex128", "complex64", "complex32", "uint16", "uint32", "uint64",
          "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu",
          "float4_e2m1fn_x2"]
BITS = ["bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"]
VIEWS = ["whole", "turned", "part", "stepped", "expanded", "scalar", "empty", "shared", "conjugated",
         "coo", "csr"]
WAYS = ["scripted", "traced", "frozen", "lite interpreter", "pickle_save"]
ROLES = ["parameter", "buffer", "buffer that is not persistent", "no buffer", "tied parameter"]
VALUES = ["None", "bool", "int", "large int", "float", "str", "complex", "device", "list of int",
          "list of float", "list of bool", "list of str", "list of tensors", "dict", "tuple"]
CHILDREN = ["submodule", "tied submodule", "ModuleList", "ModuleDict", "Sequential", "layer"]


class Node(torch.nn.Module):
    def forward(self, x):
        return x


class Draw:
    """One file: what is in it, and what was drawn."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seen, self.kept, self.extra = [], [], set()

    def note(self, kind):
        self.seen.append(kind)
        return kind

    def bits(self, name, *shape):
        dtype = getattr(torch, name)
        data = self.random.randbytes(torch.Size(shape).numel() * dtype.itemsize)
        return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(dtype).reshape(shape)

    def tensor(self, names=DTYPES):
        name = self.random.choice(names)
        view = self.random.choice(VIEWS)
        if view == "shared":
            if not self.kept:
                return self.tensor(names)
            self.note(view)
            base = self.random.choice(self.kept)
            return base if self.random.random() < 0.5 else base[1:]
        if view == "conjugated":
            name = "complex64"
        if view in ("coo", "csr"):
            dense = torch.eye(self.random.randint(1, 4))
            self.note(view)
            return dense.to_sparse() if view == "coo" else dense.to_sparse_csr()
        self.note(view)
        self.note(name)
        base = self.bits(name, self.random.randint(2, 4), self.random.randint(2, 4))
        self.kept.append(base)
        return {"whole": lambda: base, "turned": base.t, "part": lambda: base[1:, :1],
                "stepped": lambda: base[::2], "expanded": lambda: base[:1].expand(3, base.shape[1]),
                "scalar": lambda: base[0, 1], "empty": lambda: base[:0],
                "conjugated": base.conj}[view]()

    def floats(self):
        return self.bits(self.random.choice(["float32", "float64", "bfloat16"]), 2, 3)

    def value(self):
        kind = self.random.choice(VALUES)
        number = lambda: self.random.randint(-9, 300)  # noqa: E731
        several = lambda make: [make() for _ in range(self.random.randint(1, 4))]  # noqa: E731
        made = {
            "None": lambda: None, "bool": lambda: self.random.random() < 0.5, "int": number,
            "large int": lambda: self.random.randint(-2**63, 2**63 - 1),
            "float": lambda: self.random.choice([0.5, -1e300, float("inf")]),
            "str": lambda: self.random.choice(["", "text", "\N{SNOWMAN}"]),
            "complex": lambda: complex(number(), 0.5),
            "device": lambda: torch.device(self.random.choice(["cpu", "cuda:1", "cuda", "meta"])),
            "list of int": lambda: several(number), "list of float": lambda: several(lambda: 0.25),
            "list of bool": lambda: several(lambda: True),
            "list of str": lambda: several(lambda: "a"),
            "list of tensors": lambda: several(self.floats),
            "dict": lambda: {str(number()): number() for _ in range(2)},
            "tuple": lambda: (number(), "a", 0.5),
        }[kind]()
        self.note(kind)
        return made

    def module(self, prefix, depth, plain):
        """A random module. `plain`: it may have tensors that are neither parameter nor buffer."""
        made = Node()
        for i in range(self.random.randint(0, 3)):
            name = f"t{i}"
            role = self.note(self.random.choice(ROLES))
            if role == "parameter":
                parameter = torch.nn.Parameter(self.floats(), self.random.random() < 0.8)
                made.register_parameter(name, parameter)
                self.parameters.append(parameter)
            elif role == "tied parameter" and self.parameters and self.may_tie:
                made.register_parameter(name, self.random.choice(self.parameters))
            elif role == "no buffer" and plain:
                setattr(made, name, self.tensor())
                self.extra.add(prefix + name)
            else:
                made.register_buffer(name, self.tensor(), "not" not in role)
        for i in range(self.random.randint(0, 3) if plain else 0):
            value = self.value()
            setattr(made, f"v{i}", value)
            if isinstance(value, list) and isinstance(value[0], torch.Tensor):
                self.extra.update(f"{prefix}v{i}.{k}" for k in range(len(value)))
        for i in range(self.random.randint(0, 3) if depth else 0):
            self.child(made, f"m{i}", prefix, depth - 1, plain)
        return made

    def child(self, parent, name, prefix, depth, plain):
        kind = self.note(self.random.choice(CHILDREN))
        inside = prefix + name + "."
        if kind == "layer":
            made = self.random.choice([
                lambda: torch.nn.Linear(2, 3), lambda: torch.nn.BatchNorm2d(2),
                lambda: torch.nn.Conv1d(1, 2, 3, bias=False), lambda: torch.nn.Embedding(3, 2)])()
        elif kind == "tied submodule" and self.may_tie:
            made = parent.tied = torch.nn.Linear(1, 2)
        elif kind == "ModuleList":
            made = torch.nn.ModuleList([self.module(inside + "0.", depth, plain)])
        elif kind == "Sequential":
            made = torch.nn.Sequential(self.module(inside + "0.", depth, plain), torch.nn.ReLU())
        elif kind == "ModuleDict":
            made = torch.nn.ModuleDict({"key": self.module(inside + "key.", depth, plain)})
        else:
            made = self.module(inside, depth, plain)
        setattr(parent, name, made)

    def write(self, path):
        """Returns the way in which it was written."""
        self.parameters = []
        way = self.note(self.random.choice(WAYS + 2 * ["scripted"]))
        if way == "pickle_save":
            items = [self.tensor(self.random.choice([DTYPES, BITS])) if self.random.random() < 0.5 else self.value()
                     for _ in range(self.random.randint(0, 6))]
            root = tuple(items) if self.random.random() < 0.8 else {
                f"k{i}": self.tensor() for i in range(3)}
            path.write_bytes(torch._C._pickle_save(root))
            return way
        self.may_tie = way != "traced"  # which torch refuses
        module = self.module("", 3, plain=way == "scripted")
        if way == "traced":
            made = torch.jit.trace(module, torch.ones(1), check_trace=False)
        else:
            made = torch.jit.script(module)
        if way == "lite interpreter":
            made._save_for_lite_interpreter(str(path))
            return way
        if way == "frozen":
            made = torch.jit.freeze(made.eval())
        torch.jit.save(made, str(path), _extra_files={"note": b"x"})
        return way


class Scripts(comparison.Comparison):
    THINGS, COUNT = "files", 200
    WANTED = DTYPES + BITS + VIEWS + WAYS + ROLES + VALUES + CHILDREN

    def compare_batch(self, seeds, folder):
        for seed in seeds:
            draw = Draw(seed)
            path = folder / f"file{seed}.pt"
            torch.manual_seed(seed)
            try:
                way = draw.write(path)
            except Exception as refusal:
                self.seen["files that torch does not write"] += 1
                print(f"seed {seed}: torch does not write this: {str(refusal)[:100]}")
                continue
            if self.compare(seed, path, draw, way):
                self.seen.update(draw.seen)
                self.seen["files that are equal"] += 1
            path.unlink(missing_ok=True)

    def compare(self, seed, path, draw, way):
        expected = json.loads(describe.text(
            describe.describe(str(path), by_libtorch=way == "pickle_save")))
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        got = json.loads(run.stdout)
        for part in expected:
            a, b = json.dumps(got.get(part)), json.dumps(expected[part])
            if a != b:
                at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), 0)
                return self.fault(seed, f"{part} differ", a[max(at - 200, 0):], b[max(at - 200, 0):])
        if way == "scripted":
            state = torch.jit.load(str(path)).state_dict()
            extra = {tensor["name"] for tensor in got["tensors"]} - set(state)
            if extra != draw.extra:
                return self.fault(seed, "other tensors than the state dict's", extra, draw.extra)
            self.seen["tensors of state dicts"] += len(state)
        return True


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    Scripts().run()
