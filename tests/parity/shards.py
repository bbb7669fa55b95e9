#!/usr/bin/env python3
"""Compares how hardload reads sharded checkpoints with how the writers' own tools read them.

usage: shards.py [CHECKPOINTS] [FIRST_SEED]      (default: 300 checkpoints from seed 0; see README.md)

For each seed a random state dict is written in shards to a folder: by huggingface_hub's
save_torch_state_dict where this Python has it, as .bin and as .safetensors; else by torch.save, in
the same form. Half of the folders become snapshots of a Hugging Face cache, links into its blobs.
What hardload loads from the folder and saves again, and what `hardload inspect` says of it, has to
be what torch.load and safetensors' load_file make of the shards, bit for bit.
"""

import hashlib
import json
import logging
import os
import random
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402

try:
    import huggingface_hub
    import safetensors.torch
    logging.disable(logging.WARNING)
except ImportError:
    huggingface_hub = None

sys.path[:0] = [os.path.dirname(__file__)]
import comparison  # noqa: E402

HARDLOAD = "./hardload"
RESAVE = "tests/support/resave"
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32,
          torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn]


class StateDict:
    """Random tensors by name, and what is special about them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.seen = set()
        self.tensors = {}
        for number in range(self.random.randint(2, 12)):
            self.tensors[self.name(number)] = self.tensor()

    def name(self, number):
        parts = self.random.choices(["layers", "é", "weight", "\"q\"", "a/b", "..", "x\n", "0"], k=2)
        return ".".join([*parts, str(number)])

    def tensor(self):
        made = list(self.tensors.values())
        if made and self.random.random() < 0.15:
            self.seen.add("tied tensors")
            return self.random.choice(made)
        shape = [self.random.randint(0 if self.random.random() < 0.1 else 1, 9)
                 for _ in range(self.random.randint(0, 4))]
        dtype = self.random.choice(DTYPES)
        size = torch.empty([], dtype=dtype).element_size()
        count = torch.empty(shape).numel()
        raw = torch.randint(0, 2 if dtype == torch.bool else 256, [count * size],
                            dtype=torch.uint8, generator=self.generator)
        tensor = raw.view(dtype).reshape(shape)
        self.seen.add(str(dtype))
        if not count:
            self.seen.add("empty tensors")
        if not shape:
            self.seen.add("scalars")
        return tensor


def write_by_torch(tensors, folder, most_bytes):
    """Shards and an index as huggingface_hub writes them."""
    shards = [{}]
    for name, tensor in tensors.items():
        if shards[-1] and sum(t.nbytes for t in shards[-1].values()) + tensor.nbytes > most_bytes:
            shards.append({})
        shards[-1][name] = tensor
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        file = f"pytorch_model-{number:05}-of-{len(shards):05}.bin"
        torch.save(shard, folder / file)
        weight_map.update(dict.fromkeys(shard, file))
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())},
             "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2))


def read_by_their_tools(folder):
    """All tensors of all shards."""
    tensors = {}
    for file in sorted(folder.iterdir()):
        if file.suffix == ".bin":
            tensors.update(torch.load(file, weights_only=True))
        elif file.suffix == ".safetensors":
            tensors.update(safetensors.torch.load_file(file))
    return tensors


def as_snapshot(folder):
    """The same files as a cache of Hugging Face holds them."""
    repository = folder.with_name("models--org--" + folder.name)
    snapshot = repository / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for file in folder.iterdir():
        blob = hashlib.sha256(file.read_bytes()).hexdigest()
        (snapshot / file.name).symlink_to(os.path.join("..", "..", "blobs", blob))
        file.rename(repository / "blobs" / blob)
    return snapshot


def raw(tensor):
    elements = tensor.contiguous().reshape(-1)
    return bytes(elements.view(torch.uint8).tolist())


class Shards(comparison.Comparison):
    THINGS, COUNT = "sharded checkpoints", 300
    WANTED = ["several shards", "one file", "snapshots of a cache", "folders", "scalars",
              "empty tensors", "tied tensors", *map(str, DTYPES)]

    def compare_batch(self, seeds, folder):
        made = {}
        for seed in seeds:
            state = StateDict(seed)
            path = folder / f"checkpoint{seed}"
            path.mkdir()
            safe = huggingface_hub is not None and state.random.random() < 0.5
            most_bytes = state.random.choice([64, 300, 2000, 10**9])
            if huggingface_hub is None:
                write_by_torch(state.tensors, path, most_bytes)
            else:
                huggingface_hub.save_torch_state_dict(
                    dict(state.tensors), path, max_shard_size=most_bytes, safe_serialization=safe)
            files = len(list(path.iterdir()))
            state.seen.add("several shards" if files > 2 else "one file")
            state.seen.add("safetensors" if safe else "torch.save")
            state.seen.add("by huggingface_hub" if huggingface_hub else "by torch.save alone")
            expected = read_by_their_tools(path)
            if state.random.random() < 0.5:
                path = as_snapshot(path)
                state.seen.add("snapshots of a cache")
            else:
                state.seen.add("folders")
            made[seed] = path, expected, state.seen
        copies = {seed: folder / f"copy{seed}.pt" for seed in made}
        pairs = [name for seed in made for name in (made[seed][0], copies[seed])]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for seed, (path, expected, seen) in made.items():
            if self.compare(seed, path, copies[seed], expected, resaved.stderr):
                self.seen.update(seen)

    def compare(self, seed, path, copy, expected, messages):
        """Whether everything is equal."""
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        described = {t["name"]: t for t in json.loads(run.stdout)["tensors"]}
        if not copy.exists():
            return self.fault(seed, "hardload does not load it", messages)
        loaded = torch.load(copy, weights_only=True)
        for found in (described, loaded):
            if set(found) != set(expected):
                return self.fault(seed, "other names", sorted(found), sorted(expected))
        for name, tensor in expected.items():
            got, description = loaded[name], described[name]
            if (got.dtype, got.shape, got.stride()) != (tensor.dtype, tensor.shape, tensor.stride()):
                return self.fault(seed, f"{name!r} is another tensor", got, tensor)
            if raw(got) != raw(tensor):
                return self.fault(seed, f"{name!r} has other elements", got, tensor)
            if hashlib.sha256(raw(tensor)).hexdigest() != description["sha256"]:
                return self.fault(seed, f"{name!r} has another digest", description, tensor)
        verified = subprocess.run([HARDLOAD, "verify", path], capture_output=True, text=True)
        if verified.returncode != 0 or "total_size" in verified.stdout:
            return self.fault(seed, "hardload verify", verified.stdout, verified.stderr)
        return True


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    Shards().run()
