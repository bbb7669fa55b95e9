#!/usr/bin/env python3
"""Writes what LibTorch's own pickler writes: tiny files by torch.jit.save and torch::pickle_save, and
what they hold.

usage: PYTHONHASHSEED=0 make.py PROGRAM        (needs torch 2.11.0)

PROGRAM is bazel-bin/tests/support/libtorch_archives, which writes the files of C++, cpp_*.pt. For each
file CASE.pt there is CASE.json, what ../golden/describe.py says of it. Writing is deterministic:
running this again changes nothing.
"""

import enum
import pathlib
import subprocess
import sys
import typing
import warnings

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden"))
import describe  # noqa: E402

SCRIPTS, VALUES = {}, {}


def script(function):
    SCRIPTS["script_" + function.__name__] = function
    return function


def value(function):
    VALUES["pickle_save_" + function.__name__] = function
    return function


class Everything(torch.nn.Module):
    """A parameter, buffers, and an attribute of each type that a module of TorchScript may have."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 3))
        self.register_buffer("steps", torch.tensor(7))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.plain = torch.arange(3.0)
        self.name, self.size, self.large, self.rate = "net", 3, 2**40, 0.5
        self.on, self.pair, self.device = True, (1, "two"), torch.device("cuda:1")
        self.phase = 1 + 2j
        self.nothing: typing.Optional[int] = None
        self.sizes: typing.List[int] = [1, 2]
        self.rates: typing.List[float] = [0.25]
        self.flags: typing.List[bool] = [True, False]
        self.names: typing.List[str] = ["a"]
        self.tensors: typing.List[torch.Tensor] = [torch.ones(1)]
        self.table: typing.Dict[str, int] = {"a": 1}
        self.by_number: typing.Dict[int, torch.Tensor] = {3: torch.ones(2)}
        self.empty: typing.List[int] = []

    def forward(self, x):
        return x @ self.weight.t() + torch.ones(2)


@script
def attributes():
    return torch.jit.script(Everything())


class Tree(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)
        self.tied = self.fc
        self.blocks = torch.nn.ModuleList([torch.nn.BatchNorm1d(2), torch.nn.GRU(2, 2)])
        self.by_name = torch.nn.ModuleDict({"last": torch.nn.Linear(2, 2, bias=False)})

    def forward(self, x):
        return self.fc(x)


@script
def tree():
    return torch.jit.script(Tree())


@script
def traced():
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    return torch.jit.trace(net, torch.ones(1, 2))


@script
def frozen():
    return torch.jit.freeze(torch.jit.script(Tree()).eval())


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class WithEnum(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.color = Color.BLUE
        self.w = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x * self.w if self.color == Color.BLUE else x


@script
def enumeration():
    return torch.jit.script(WithEnum())


@script
def quantized():
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval()
    return torch.jit.script(torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear}))


class Buffers(torch.nn.Module):
    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, x):
        return x


DTYPES = ["float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
          "complex128", "complex64", "complex32", "uint16", "uint32", "uint64", "float8_e5m2",
          "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu",
          "float4_e2m1fn_x2", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"]


def of(name):
    dtype = getattr(torch, name)
    return torch.arange(1, 1 + 3 * dtype.itemsize, dtype=torch.uint8).view(dtype)


@script
def dtypes():
    # Of a tensor of bits torch.jit.load cannot make the state dict.
    return torch.jit.script(
        Buffers({"of_" + name: of(name) for name in DTYPES if "bits" not in name}))


@script
def views():
    base = torch.arange(12.0)
    return torch.jit.script(Buffers({
        "base": base, "turned": base.view(3, 4).t(), "part": base[3:7], "scalar": base[5],
        "none": base[:0], "expanded": base[2].expand(2, 2), "sparse": torch.eye(3).to_sparse(),
        "conjugated": torch.tensor([1 + 2j]).conj()}))


@script
def nothing():
    return torch.jit.script(Buffers({}))


@value
def dict_of_tensors():
    base = torch.ones(4)
    return {"a": base, "b": base[1:3], "c": torch.zeros(2, 2).t()}


@value
def values():
    # In a tuple each may be of another type; a list has one type.
    return (1, -1, 2**40, 0.5, True, None, "text", 1 + 2j, (1, "two"), torch.device("cuda:1"),
            torch.device("cpu"), [1, 2], [0.5], [True], ["a"], [torch.ones(1)], {1: 2},
            {"a": [1]}, float("inf"), "\N{SNOWMAN}", [(1, "a")], [[1], [2]])


@value
def number():
    return 7


@value
def parameter():
    return torch.nn.Parameter(torch.ones(2))


@value
def types():
    return {name: of(name) for name in DTYPES if "bits" not in name}


@value
def bits():
    return {name: of(name) for name in DTYPES if "bits" in name}


@value
def sparse():
    return {"coo": torch.eye(2).to_sparse(), "csr": torch.eye(3).to_sparse_csr()}


@value
def per_channel():
    rows = torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2),
                                      torch.zeros(2, dtype=torch.int64), 0, torch.qint8)
    return {"whole": torch.quantize_per_tensor(torch.ones(3), 0.1, 3, torch.quint8), "rows": rows}


@value
def bits_of_views():
    # Of two types in one memory the second would be written as the first.
    return {"conj": torch.tensor([1 + 2j, 3 - 4j]).conj(),
            "neg": torch.tensor([1 + 2j, 3 - 4j]).conj().imag}


@value
def odd_storage():
    return torch.arange(9, dtype=torch.uint8)[:8].view(torch.float32)


@value
def two_types_in_one_storage():
    base = torch.ones(2)
    return [base, base.view(torch.int32)]  # the second is written as the first


def without_debug_records(path):
    """Written again by torch's writer without what says where on this machine torch lies."""
    reader = torch._C.PyTorchFileReader(str(path))
    records = [(name, reader.get_record(name)) for name in reader.get_all_records()
               if not name.endswith(".debug_pkl") and name not in
               ("version", "byteorder", ".data/serialization_id")]
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, content in records:
        writer.write_record(name, content, len(content))
    writer.write_end_of_file()


def main():
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    assert not sys.flags.hash_randomization, "PYTHONHASHSEED=0 fixes the order of code/"
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    for name, make in SCRIPTS.items():
        path = HERE / (name + ".pt")
        torch.jit.save(make(), str(path), _extra_files={"note.txt": b"beside"})
        without_debug_records(path)
    lite = HERE / "script_lite_interpreter.pt"
    torch.jit.script(Tree())._save_for_lite_interpreter(str(lite))
    without_debug_records(lite)
    for name, make in VALUES.items():
        (HERE / (name + ".pt")).write_bytes(torch._C._pickle_save(make()))
    subprocess.run([sys.argv[1], str(HERE)], check=True)
    paths = sorted(HERE.glob("*.pt"))
    for path in paths:
        said = describe.describe(str(path), by_libtorch="pickle_save" in path.name)
        path.with_suffix(".json").write_text(describe.text(said))
    print(len(paths), "files by LibTorch")


if __name__ == "__main__":
    main()
