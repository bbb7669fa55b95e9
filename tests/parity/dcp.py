#!/usr/bin/env python3
"""Compares how hardload reads folders of torch.distributed.checkpoint with how torch reads them.

usage: dcp.py [FOLDERS] [FIRST_SEED]      (default: 120 folders from seed 0; see README.md)

For each seed torch.distributed.checkpoint.save writes a random nested state dict, some of its
tensors in chunks; where one in ten, four processes write it, their DTensors in shards. What
hardload loads from the folder and saves again, and what `hardload inspect` and `hardload convert`
make of it, has to be what torch.load reads from what torch's own dcp_to_torch_save makes of it, bit
for bit. `hardload verify` has to find no fault; then one byte of one tensor is changed, and it has
to find it.
"""

import collections
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import warnings
import zipfile

warnings.simplefilter("ignore")
import logging  # noqa: E402

logging.disable(logging.WARNING)
import torch  # noqa: E402
import torch.distributed.checkpoint as dcp  # noqa: E402
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save  # noqa: E402
from torch.distributed.checkpoint.metadata import (  # noqa: E402
    ChunkStorageMetadata, MetadataIndex, TensorProperties, TensorStorageMetadata)
from torch.distributed.checkpoint.planner import (  # noqa: E402
    TensorWriteData, WriteItem, WriteItemType)

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), "tests/parity", "data/golden"]
import comparison  # noqa: E402
import describe  # noqa: E402

HARDLOAD = "./hardload"
RESAVE = "tests/support/resave"
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "bool", "complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn",
          "float8_e5m2"]
PIECES = ["layers", "weight", "0", "1", "é", "a b", '"', "\\", "\n", "😀", ""]
RANKS = 4


class Chunked(torch.Tensor):
    """A tensor that is saved in chunks, as a DTensor is, but by one process."""

    @staticmethod
    def of(tensor, boxes):
        chunked = torch.Tensor._make_subclass(Chunked, tensor)
        chunked.whole, chunked.boxes = tensor, boxes
        return chunked

    def __create_write_items__(self, name, _):
        return [WriteItem(
            index=MetadataIndex(name, torch.Size(offsets)), type=WriteItemType.SHARD,
            tensor_data=TensorWriteData(
                chunk=ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes)),
                properties=TensorProperties.create_from_tensor(self.whole),
                size=self.whole.size())) for offsets, sizes in self.boxes]

    def __get_tensor_shard__(self, index):
        sizes = [sizes for offsets, sizes in self.boxes if tuple(offsets) == tuple(index.offset)][0]
        part = self.whole
        for dim, (offset, size) in enumerate(zip(index.offset, sizes)):
            part = part.narrow(dim, offset, size)
        return part.contiguous()


class StateDict:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.seen = set()
        self.plain = []
        self.tree = self.mapping(0)

    def mapping(self, depth):
        made = collections.OrderedDict() if self.random.random() < 0.2 else {}
        for _ in range(self.random.choice([1, 2, 3, 6]) if depth else self.random.randint(2, 8)):
            key = ".".join(self.random.choices(PIECES, k=self.random.randint(1, 2)))
            if self.random.random() < 0.15:
                key = self.random.randint(0, 5)
                self.seen.add("keys that are numbers")
            if any(str(key) == str(other) and key != other for other in made):
                continue  # saved flat, 1 and "1" have one place: torch keeps one, hardload refuses
            made[key] = self.value(depth + 1)
        return made

    def value(self, depth):
        roll = self.random.random()
        if depth < 4 and roll < 0.2:
            self.seen.add("dicts in dicts")
            return self.mapping(depth)
        if depth < 4 and roll < 0.3:
            self.seen.add("lists with tensors")
            items = [self.tensor() for _ in range(self.random.randint(1, 3))]
            if self.random.random() < 0.3:
                self.seen.add("lists with dicts")
                items.append(self.mapping(depth))
            if self.random.random() < 0.05:
                items.insert(0, {})  # of which nothing is saved; torch then cannot read the list
            return items
        if roll < 0.45:
            return self.chunked()
        if roll < 0.7:
            return self.other()
        return self.tensor()

    def other(self):
        kinds = {
            "numbers": lambda: self.random.choice([0, -1, 2**70, 1.5, float("inf"), True, 1j]),
            "texts": lambda: self.random.choice(["", "text", "é\n"]),
            "None": lambda: None,
            "bytes": lambda: self.random.choice([b"", b"\x00\xff"]),
            "plain lists": lambda: [1, [2.5, "x"], None],
            "tuples of tensors": lambda: self.shared_pair(),
            "sets": lambda: {1, 2},
            "dtypes and devices": lambda: (torch.float16, torch.device("cpu"), torch.Size([2, 3])),
            "dicts in tuples": lambda: ({"a": self.tensor(), 3: {"b": [self.tensor()]}}, 7),
            "ordered dicts in tuples": lambda: (collections.OrderedDict(a=1, b=self.tensor()),),
            "sparse tensors in tuples": lambda: (self.sparse(),),
        }
        kind = self.random.choice(sorted(kinds))
        self.seen.add(kind)
        return kinds[kind]()

    def shared_pair(self):
        tensor = self.tensor()
        return (tensor, tensor, [tensor.detach().reshape(-1)[:1]])

    def sparse(self):
        return torch.sparse_coo_tensor(torch.tensor([[0, 2]]), torch.tensor([1.0, 2.0]), (4,))

    def raw(self, shape, dtype):
        size = getattr(torch, dtype).itemsize
        bits = torch.randint(0, 2 if dtype == "bool" else 256, (*shape, size), dtype=torch.uint8,
                             generator=self.generator)
        self.seen.add("tensors of " + dtype)
        return bits.view(getattr(torch, dtype)).reshape(shape)

    def shape(self, least=0):
        return [self.random.randint(0 if self.random.random() < 0.05 else 1, 7)
                for _ in range(self.random.randint(least, 4))]

    def tensor(self):
        kind = self.random.choice(["dense", "dense", "transposed", "parameter", "view", "tied"])
        if kind in ("view", "tied") and not self.plain:
            kind = "dense"
        self.seen.add("tensors: " + kind)
        if kind == "tied":
            return self.random.choice(self.plain)
        if kind == "view":
            whole = self.random.choice(self.plain)
            return whole[1:] if whole.dim() and len(whole) > 1 else whole
        if kind == "parameter":
            return torch.nn.Parameter(self.raw(self.shape(), "float32"))
        tensor = self.raw(self.shape(), self.random.choice(DTYPES))
        if kind == "transposed" and tensor.dim() > 1:
            return tensor.transpose(0, 1)
        self.plain.append(tensor)
        return tensor

    def chunked(self):
        shape = [max(1, size) for size in self.shape(least=1)]
        if self.random.random() < 0.1:
            self.seen.add("chunks of large tensors")
            shape = [self.random.randint(100, 300), self.random.randint(500, 3000)]
        tensor = self.raw(shape, self.random.choice(DTYPES))
        cuts = []
        for dim, size in enumerate(shape):
            most = self.random.choice([0, 0, 1, 3]) if len(shape) > 1 else self.random.choice([1, 3])
            places = sorted(self.random.sample(range(1, size), min(most, size - 1)))
            cuts.append([0, *places, size])
        cut = [dim for dim, places in enumerate(cuts) if len(places) > 2]
        self.seen.add("chunks along " + (", ".join(map(str, cut)) or "nothing"))
        boxes = [([], [])]
        for places in cuts:
            boxes = [([*offsets, a], [*sizes, b - a]) for offsets, sizes in boxes
                     for a, b in zip(places, places[1:])]
        if self.random.random() < 0.2:
            self.seen.add("chunks without elements")
            boxes.append((shape, [0] * len(shape)))
        self.random.shuffle(boxes)
        return Chunked.of(tensor, boxes)


def in_one(value):
    """The same without chunks."""
    if isinstance(value, Chunked):
        return value.whole
    if isinstance(value, dict):
        return type(value)((key, in_one(item)) for key, item in value.items())
    return [in_one(item) for item in value] if isinstance(value, list) else value


def write(seed, path):
    """By one process; what has been seen."""
    state = StateDict(seed)
    writer = dcp.FileSystemWriter(path, sync_files=False,
                                  single_file_per_rank=state.random.random() < 0.8,
                                  thread_count=state.random.choice([1, 1, 3]))
    planner = dcp.DefaultSavePlanner(flatten_state_dict=state.random.random() < 0.85)
    if not planner.flatten_state_dict:
        # What is nested is then an object, in which there are no chunks.
        state.tree = {str(key): value if isinstance(value, Chunked) else in_one(value)
                      for key, value in state.tree.items()}
        state.seen.add("saved flat")
    dcp.save(state.tree, storage_writer=writer, planner=planner, no_dist=True)
    return state.seen


def write_by_rank(rank, store, seeds, folder):
    """One of RANKS processes, each of which has a part of each DTensor."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=RANKS)
    meshes = [(init_device_mesh("cpu", (RANKS,)), [Shard(0)]),
              (init_device_mesh("cpu", (RANKS,)), [Shard(1)]),
              (init_device_mesh("cpu", (2, 2)), [Shard(0), Shard(1)]),
              (init_device_mesh("cpu", (2, 2)), [Shard(1), Replicate()])]
    for seed in seeds:
        chosen, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        tree = {"step": seed, "optimizer": {"state": {}, "param_groups": [{"lr": 0.5}]}}
        for number in range(6):
            shape = [chosen.randint(1, 9), chosen.randint(1, 9)]
            mesh, placements = chosen.choice(meshes)
            tensor = distribute_tensor(torch.randn(shape, generator=generator), mesh, placements)
            tree[f"layer.{number}"] = tensor
            tree["optimizer"]["state"][number] = {"exp_avg": tensor * 2, "step": torch.tensor(3.0)}
        dcp.save(tree, checkpoint_id=os.path.join(folder, f"folder{seed}"))
    dist.destroy_process_group()


def is_by_ranks(seed):
    return seed % 10 == 9


class Folders(comparison.Comparison):
    THINGS, COUNT = "folders", 120
    WANTED = ["tensors of " + name for name in DTYPES] + [
        "dicts in dicts", "lists with tensors", "lists with dicts", "numbers", "texts", "tuples of tensors", "dicts in tuples", "sparse tensors in tuples",
        "chunks along nothing", "chunks along 0", "chunks along 1", "chunks along 0, 1",
        "chunks of large tensors", "chunks without elements", "saved flat", "saved by four processes",
        "tensors: dense", "tensors: transposed", "tensors: parameter", "tensors: view", "tensors: tied",
        "a changed byte is found", "read from the disk", "converted"]

    def compare_batch(self, seeds, folder):
        by_ranks = [seed for seed in seeds if is_by_ranks(seed)]
        if by_ranks:
            torch.multiprocessing.spawn(write_by_rank, nprocs=RANKS,
                                        args=(str(folder / "store"), by_ranks, str(folder)))
        made = {}
        for seed in seeds:
            path = folder / f"folder{seed}"
            try:
                seen = {"saved by four processes"} if is_by_ranks(seed) else write(seed, path)
            except dcp.api.CheckpointException as error:  # two keys that are one name
                assert "duplicated flatten key" in str(error), error
                self.seen["not saved by torch"] += 1
                continue
            try:
                dcp_to_torch_save(path, folder / f"torch{seed}.pt")
            except dcp.api.CheckpointException:  # lists with a place of which nothing was saved
                self.seen["not read by torch"] += 1
                continue
            made[seed] = path, seen
            if seed % 2:
                seen.add("read from the disk")
                for file in path.iterdir():
                    with open(file, "rb+") as opened:
                        os.fsync(opened)
                        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        copies = {seed: folder / f"copy{seed}.pt" for seed in made}
        pairs = [name for seed in made for name in (made[seed][0], copies[seed])]
        resaved = subprocess.run([RESAVE, *pairs], capture_output=True, text=True)
        for seed, (path, seen) in made.items():
            expected = torch.load(folder / f"torch{seed}.pt", weights_only=False)
            if self.compare(seed, path, copies[seed], expected, seen, resaved.stderr):
                self.seen.update(seen)

    def compare(self, seed, path, copy, expected, seen, messages):
        """Whether everything is equal."""
        run = subprocess.run([HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, "hardload refuses it", run.stderr.decode())
        listed = json.loads(run.stdout)
        if listed["container"] != "dcp":
            return self.fault(seed, "another container", listed["container"])
        described = [(t["name"], t["dtype"], t["shape"], t["sha256"]) for t in listed["tensors"]
                     if t["strides"] is not None]
        wanted = list(tensors_of(expected))
        if described != wanted:
            return self.fault(seed, "hardload describes otherwise", described, wanted)
        if not copy.exists():
            return self.fault(seed, "hardload does not load it", messages)
        paths = [copy]
        if seed % 4 == 0:
            seen.add("converted")
            paths.append(copy.with_suffix(".convert.pt"))
            done = subprocess.run([HARDLOAD, "convert", path, paths[1]], capture_output=True)
            if done.returncode != 0:
                return self.fault(seed, "hardload does not convert it", done.stderr.decode())
        for other in paths:
            difference = first_difference(torch.load(other, weights_only=False), expected)
            if difference:
                return self.fault(seed, f"{other.name} differs", difference)
        verified = subprocess.run([HARDLOAD, "verify", path], capture_output=True, text=True)
        if verified.returncode != 0 or "without" in verified.stdout:
            return self.fault(seed, "hardload verify", verified.stdout, verified.stderr)
        return self.change_a_byte(seed, path, seen)

    def change_a_byte(self, seed, path, seen):
        metadata = pickle.loads((path / ".metadata").read_bytes())
        chosen = random.Random(seed)
        slices = sorted(((index.fqn, tuple(index.offset or ())), info)
                        for index, info in metadata.storage_data.items())
        index, info = chosen.choice(slices)
        tensor = metadata.state_dict_metadata[index[0]]
        if isinstance(tensor, TensorStorageMetadata) and 0 in tensor.size:
            return True
        if isinstance(tensor, TensorStorageMetadata) and any(
                0 in chunk.sizes and tuple(chunk.offsets) == index[1] for chunk in tensor.chunks):
            return True
        file = path / info.relative_path
        content = bytearray(file.read_bytes())
        part = bytes(content[info.offset:info.offset + info.length])
        with zipfile.ZipFile(io.BytesIO(part)) as archive:
            record = chosen.choice([i for i in archive.infolist() if i.file_size])
        name, extra = struct.unpack("<HH", part[record.header_offset + 26:record.header_offset + 30])
        begin = info.offset + record.header_offset + 30 + name + extra
        content[begin + chosen.randrange(record.file_size)] ^= 1 << chosen.randrange(8)
        file.write_bytes(content)
        verified = subprocess.run([HARDLOAD, "verify", path], capture_output=True, text=True)
        if verified.returncode != 1:
            return self.fault(seed, "a changed byte is not found", record.filename, verified.stdout)
        seen.add("a changed byte is found")
        return True


def tensors_of(value, path=()):
    """Of dense tensors: the name, and what they are."""
    items = ()
    if isinstance(value, torch.Tensor):
        if value.layout == torch.strided:
            yield (".".join(map(str, path)), str(value.dtype).removeprefix("torch."),
                   list(value.shape), hashlib.sha256(describe.logical_bytes(value)).hexdigest())
    elif isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, item in items:
        yield from tensors_of(item, (*path, key))


def first_difference(a, b, path="root"):
    if type(a) is not type(b):
        return f"{path}: {type(a)} and {type(b)}"
    if isinstance(a, torch.Tensor):
        if (a.dtype, a.shape, a.layout, a.requires_grad) != (b.dtype, b.shape, b.layout, b.requires_grad):
            return f"{path}: {a} and {b}"
        if a.layout == torch.sparse_coo:
            a, b = a.coalesce(), b.coalesce()
            return None if a.indices().equal(b.indices()) and a.values().equal(b.values()) else path
        same = describe.logical_bytes(a) == describe.logical_bytes(b)
        return None if same else f"{path}: other elements"
    if isinstance(a, dict):
        if [(type(k), k) for k in a] != [(type(k), k) for k in b]:
            return f"{path}: keys {list(a)} and {list(b)}"
        pairs = [(k, a[k], b[k]) for k in a]
    elif isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"{path}: {len(a)} and {len(b)} items"
        pairs = [(i, x, y) for i, (x, y) in enumerate(zip(a, b))]
    else:
        return None if repr(a) == repr(b) else f"{path}: {a!r} and {b!r}"
    for key, x, y in pairs:
        difference = first_difference(x, y, f"{path}[{key!r}]")
        if difference:
            return difference
    return None


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    Folders().run()
