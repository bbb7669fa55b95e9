#!/usr/bin/env python3
"""Compares hardload with the real safetensors on random state dicts.

usage: safetensors_files.py [FILES] [FIRST_SEED]      (default: 600 files from seed 0; see README.md)

For each seed a state dict is written by safetensors, from torch or from numpy, or as another writer
might: its header by Python's json, in another order and form. What `hardload inspect --digest` says
of the file has to be what the real safetensors and torch say of it
(data/golden/describe_safetensors.py). Then hardload loads it through LibTorch and saves it as a
checkpoint; what torch.load reads from that has to be what safetensors.torch.load_file read, bit for
bit, in the order of the header.
"""

import json
import random
import struct
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import safetensors  # noqa: E402
import safetensors.numpy  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden"]
import comparison  # noqa: E402
import describe  # noqa: E402
import describe_safetensors  # noqa: E402

HARDLOAD = "./hardload"
RESAVE = "tests/support/resave"
DTYPES = ["bool", "uint8", "int8", "int16", "uint16", "float16", "bfloat16", "int32", "uint32",
          "float32", "float64", "int64", "uint64", "complex64", "float8_e4m3fn", "float8_e5m2",
          "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2"]
# What numpy has no type for.
NOT_IN_NUMPY = {name for name in DTYPES if name.startswith(("float8", "float4", "bfloat"))}
PIECES = ["layers", "weight", ".", "0", "", " ", "é", "€", "😀", "\n", "\t", "\0", "\x1f", "\x7f", '"',
          "\\", "/", "\u2028", "\uffff", "\ud7ff", "__metadata__", "{", "\u0300"]
WRITERS = ["safetensors.torch", "safetensors.numpy", "another"]
WANTED = [f"tensors of {name}" for name in DTYPES] + [f"files by {name}" for name in WRITERS] + [
    "tensors without elements", "scalars", "files without tensors", "files with metadata",
    "names beyond ASCII", "names with controls", "empty names", "headers of no multiple of 8 bytes"]


class File:
    """A random state dict, and what was in it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seen = []
        self.writer = self.random.choice(WRITERS)
        names = {self.text() for _ in range(self.random.choice([0, 1, 2, 5, 20]))}
        self.tensors = {name: self.tensor() for name in sorted(names - {"__metadata__"})}
        self.metadata = {self.text(): self.text() for _ in range(self.random.choice([0, 0, 1, 4]))}
        self.seen.append(f"files by {self.writer}")
        if not self.tensors:
            self.seen.append("files without tensors")
        if self.metadata:
            self.seen.append("files with metadata")
        for name in self.tensors:
            if not name:
                self.seen.append("empty names")
            if not name.isascii():
                self.seen.append("names beyond ASCII")
            if any(character < " " for character in name):
                self.seen.append("names with controls")

    def text(self):
        return "".join(self.random.choices(PIECES, k=self.random.randrange(5)))

    def tensor(self):
        allowed = [name for name in DTYPES
                   if self.writer != "safetensors.numpy" or name not in NOT_IN_NUMPY]
        name = self.random.choice(allowed)
        dtype = getattr(torch, name)
        shape = [self.random.choice([0, 1, 1, 2, 3, 5]) for _ in range(self.random.randrange(5))]
        if name == "float4_e2m1fn_x2" and not shape:
            shape = [2]  # two to an element: there are no scalars
        count = torch.Size(shape).numel()
        self.seen.append(f"tensors of {name}")
        if count == 0:
            self.seen.append("tensors without elements")
        if not shape:
            self.seen.append("scalars")
        data = bytearray(self.random.randbytes(count * dtype.itemsize))
        if name == "bool" and self.writer == "safetensors.numpy":
            data = bytearray(byte & 1 for byte in data)  # numpy makes all others 1
        flat = torch.frombuffer(data, dtype=torch.uint8) if count else torch.empty(0, dtype=torch.uint8)
        return flat.view(dtype).reshape(shape)

    def write(self, path):
        if self.writer == "safetensors.numpy":
            arrays = {name: tensor.numpy() for name, tensor in self.tensors.items()}
            safetensors.numpy.save_file(arrays, path, self.metadata or None)
            return
        safetensors.torch.save_file(self.tensors, path, self.metadata or None)
        if self.writer == "another":
            self.rewrite(path)

    def rewrite(self, path):
        """The same with a header in another order and form, of any length."""
        header, start = describe_safetensors.header_of(path)
        data = path.read_bytes()[start:]
        members = list(header.items())
        self.random.shuffle(members)
        members = {name: dict(self.random.sample(list(entry.items()), len(entry)))
                   for name, entry in members}
        text = json.dumps(members, ensure_ascii=self.random.random() < 0.5,
                          indent=self.random.choice([None, 1]),
                          separators=self.random.choice([None, (",", ":")])).encode()
        text = b" " * self.random.randrange(3) + text + b"\n \t" * self.random.randrange(3)
        if len(text) % 8 != 0:
            self.seen.append("headers of no multiple of 8 bytes")
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Files(comparison.Comparison):
    THINGS, COUNT, WANTED = "files", 600, WANTED

    def compare_batch(self, seeds, folder):
        made, copies = {}, folder / "copies"
        copies.mkdir()
        for seed in seeds:
            file = File(seed)
            path = folder / f"file{seed}.safetensors"
            file.write(path)
            made[path] = seed, file.seen
        pairs = [name for path in made for name in (path, copies / path.name)]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for path, (seed, seen) in made.items():
            if self.compare(seed, path, copies / path.name, resaved.stderr):
                self.seen.update(seen)
                self.seen["files that are equal both ways"] += 1

    def compare(self, seed, path, copy, messages):
        """Whether everything is equal."""
        expected = describe_safetensors.description_of(path)
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        got = json.loads(run.stdout)
        if got != expected:
            return self.fault(seed, "hardload reads otherwise", got, expected)
        if not copy.exists():
            reason = next((line for line in messages.splitlines() if line.startswith(str(path))), "")
            return self.fault(seed, "hardload does not load or save it", reason)
        loaded, tensors = torch.load(copy), safetensors.torch.load_file(path)
        if list(loaded) != [tensor["name"] for tensor in expected["tensors"]]:
            return self.fault(seed, "hardload loads other names", list(loaded))
        for name, tensor in loaded.items():
            other = tensors[name]
            if (tensor.dtype, tensor.shape, tensor.stride()) != (other.dtype, other.shape,
                                                                 other.stride()):
                return self.fault(seed, "hardload loads another tensor", name, tensor, other)
            if describe.logical_bytes(tensor) != describe.logical_bytes(other):
                return self.fault(seed, "hardload loads other bits", name, tensor, other)
        return True


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    assert safetensors.__version__ == "0.8.0", safetensors.__version__
    Files().run()
