#!/usr/bin/env python3
"""Writes the golden files: tiny checkpoints by the real torch, and what they hold.

usage: make.py [FOLDER]        (default: this folder; needs torch 2.11.0 and safetensors 0.8.0)

For each case: CASE.pt, written by torch.save, and CASE.json, what the real torch reads from it (see
describe.py); or CASE.safetensors, by the real safetensors (describe_safetensors.py). Writing is
deterministic: running this again changes nothing.
"""

import collections
import pathlib
import random
import sys
import warnings
import zipfile

import safetensors
import safetensors.torch
import torch

import describe
import describe_safetensors

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def bits(dtype, *shape, seed=0):
    """A tensor of random bits: every pattern counts, nan payloads and odd bools included."""
    count = torch.Size(shape).numel() * dtype.itemsize
    data = random.Random(f"{dtype}{shape}{seed}").randbytes(count)
    flat = torch.frombuffer(bytearray(data), dtype=torch.uint8) if count else \
        torch.empty(0, dtype=torch.uint8)
    return flat.view(dtype).reshape(shape)


DTYPES = [
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex128", "complex64", "complex32", "uint16", "uint32", "uint64", "float8_e5m2",
    "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
    "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2",
]


def add_dtype(name):
    dtype = getattr(torch, name)
    CASES["dtype_" + name] = lambda: {
        "dense": bits(dtype, 2, 3),
        "strided": bits(dtype, 4, 3, seed=1).t()[1:],
        "scalar": bits(dtype, 1, seed=2)[0],
        "empty": bits(dtype, 0, 2),
    }


for dtype_name in DTYPES:
    add_dtype(dtype_name)

base = torch.arange(24, dtype=torch.float32)


# Views: one way each in which sizes, strides and offset can lie over a storage.
@case
def view_transposed(): return {"t": base.reshape(4, 6).t()}
@case
def view_permuted(): return {"t": base.reshape(2, 3, 4).permute(2, 0, 1)}
@case
def view_narrowed(): return {"t": base.reshape(4, 6)[1:3, 2:5]}
@case
def view_stepped(): return {"t": base[1::3]}
@case
def view_expanded(): return {"t": base[:3].reshape(3, 1).expand(3, 5)}
@case
def view_expanded_scalar(): return {"t": base[7].expand(2, 2)}
@case
def view_overlapping(): return {"t": base.unfold(0, 6, 2)}
@case
def view_as_strided(): return {"t": torch.as_strided(base, (3, 2), (1, 7), 2)}
@case
def view_diagonal(): return {"t": base[:16].reshape(4, 4).diagonal(1)}
@case
def view_channels_last():
    return {"t": torch.arange(48.).reshape(1, 3, 4, 4).contiguous(memory_format=torch.channels_last)}
@case
def view_scalar(): return {"t": base[5]}
@case
def view_ones_with_odd_strides(): return {"t": torch.as_strided(base, (1, 3, 1), (99, 2, 77), 1)}
@case
def view_empty_in_the_middle(): return {"t": base[3:3]}
@case
def view_empty_of_many_dims(): return {"t": torch.empty(2, 0, 3)}
@case
def view_conjugated(): return {"t": bits(torch.complex64, 2, 3).conj().t()}
@case
def view_negated(): return {"t": torch.complex(base, base + 1).conj().imag}
@case
def view_conjugated_and_negated():
    return {"t": torch._neg_view(bits(torch.complex128, 3).conj())}
@case
def view_negated_integers(): return {"t": torch._neg_view(torch.arange(-3, 4))}
@case
def view_real_part(): return {"t": torch.complex(base, base + 1).real[::2]}
@case
def view_of_bytes(): return {"t": base.view(torch.uint8)[3:9]}
@case
def view_storage_larger_than_tensor(): return {"t": torch.zeros(1000)[500:502].copy_(base[:2])}


# Sharing: storages and tensors that are there once and used more than once.
@case
def shared_slices(): return {"all": base, "head": base[:5], "tail": base.reshape(4, 6)[2:]}
@case
def shared_object():
    tensor = base.clone()
    return {"a": tensor, "b": tensor, "list": [tensor]}
@case
def shared_tied_parameters():
    net = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.arange(15.).reshape(5, 3))
    net[1].weight = net[0].weight
    return net.state_dict()
@case
def shared_uint8_and_float8():
    data = bits(torch.uint8, 8)
    return {"bytes": data, "floats": data.view(torch.float8_e5m2)}
@case
def shared_empty_storage_of_two_types():
    return {"a": torch.empty(0), "b": torch.empty(0, dtype=torch.int64)}


def filled(module):
    with torch.no_grad():
        for i, tensor in enumerate(list(module.parameters()) + list(module.buffers())):
            tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape) + i)
    return module


# State dicts as people save them.
@case
def state_linear(): return filled(torch.nn.Linear(10, 10)).state_dict()
@case
def state_batchnorm(): return filled(torch.nn.BatchNorm1d(4)).state_dict()
@case
def state_conv_net():
    return filled(torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(8, 3))).state_dict()
@case
def state_lstm(): return filled(torch.nn.LSTM(2, 3, num_layers=2, bidirectional=True)).state_dict()
@case
def state_transformer():
    return filled(torch.nn.TransformerEncoderLayer(4, 2, 8)).state_dict()
@case
def state_half(): return filled(torch.nn.Linear(3, 2)).half().state_dict()
@case
def state_keep_vars(): return filled(torch.nn.Linear(3, 2)).state_dict(keep_vars=True)
@case
def state_parameters(): return dict(filled(torch.nn.Linear(3, 2)).named_parameters())
@case
def state_plain_dict(): return dict(filled(torch.nn.Linear(3, 2)).state_dict())
@case
def state_data_parallel():
    return torch.nn.DataParallel(filled(torch.nn.Linear(3, 2))).state_dict()
@case
def state_on_meta(): return torch.nn.Linear(3, 2, device="meta").state_dict()


@case
def checkpoint_for_training():
    net = filled(torch.nn.Linear(3, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(),
            "scheduler": {k: v for k, v in schedule.state_dict().items() if k != "_get_lr_called_within_step"},
            "epoch": 7, "loss": 0.25, "name": "run 1"}


# Roots and containers.
@case
def root_tensor(): return base
@case
def root_list(): return [base, 1, [base[:2]]]
@case
def root_tuple(): return (base, {"k": base[3:]})
@case
def root_int(): return 42
@case
def root_none(): return None
@case
def root_storage(): return torch.arange(3, dtype=torch.int16).untyped_storage()
@case
def root_empty_dict(): return {}
@case
def tree_keys():
    return {1: base, "1": base[1:], None: base[2:], 2.5: 3, (1, "a"): base[3:], b"k": 4,
            -7: base[4:], False: 5}
@case
def tree_names(): return {"": base, "a.b": base[1:], "a": {"b": base[2:], "": base[3:]}}
@case
def tree_text():
    return {"umlaut äöü": base, "\ud800 lone": base[1:], "emoji 🔥": "🔥\ud83d", "esc\x1b[31m\n": base[2:],
            "quote\"\\/": "\x00\x7f\u2028"}
@case
def tree_nested():
    tree = {"leaf": base}
    for i in range(40):
        tree = {f"level{i}": [tree, i]}
    return tree
@case
def tree_cycle():
    loop = [base]
    loop.append(loop)
    table = {"t": base[1:]}
    table["self"] = table
    return {"list": loop, "dict": table}
@case
def tree_cycle_through_tuple():
    inner = []
    pair = (1, inner)
    inner.append(pair)
    long_inner = []
    four = (1, 2, 3, long_inner)
    long_inner.append(four)
    return {"pair": pair, "four": four}
@case
def tree_shared_branch():
    branch = {"w": base, "n": 1}
    return {"a": branch, "b": branch}
@case
def tree_large_tuple(): return {"numbers": tuple(range(3000)), "list": list(range(3000))}
@case
def tree_types():
    return {"dict": collections.OrderedDict([("b", 1), ("a", collections.OrderedDict())]),
            "counter": collections.Counter("abca"), "set": {1}, "empty_set": set(),
            "size": torch.Size([2, 3]), "tuple": (), "$type": "a key of its own"}
@case
def values_numbers():
    return {"ints": [0, -1, 255, 256, 65535, 65536, -2**31, 2**31, 2**53, 2**53 + 1, -2**53 - 1,
                     2**63 - 1, -2**63, 2**63, -2**63 - 1, 2**64, 2**2040, -2**2047, 10**4299,
                     10**4300, -10**5000],
            "floats": [0.0, -0.0, 1.5, 0.1, 1e300, 5e-324, 1.7976931348623157e308, float("inf"),
                       float("-inf"), float("nan"), 123456789.0],
            "complex": [1 + 2j, complex(0, float("inf"))], "bools": [True, False, None]}
@case
def values_bytes():
    return {"bytes": [bytes(range(256)), b"a"], "bytearray": [bytearray(b"xyz"), bytearray()],
            "empty": b"", "text": ["", "a" * 300]}
@case
def values_torch():
    return {"dtypes": [torch.float32, torch.uint4, torch.quint8, torch.bool],
            "devices": [torch.device("cpu"), torch.device("cuda", 1), torch.device("meta")],
            "layouts": [torch.strided, torch.sparse_coo], "qscheme": torch.per_tensor_affine,
            "classes": [torch.FloatTensor, torch.Tensor]}


# The ways in which torch.save can be asked to write.
@case
def tensor_with_gradient(): return {"t": base.clone().requires_grad_(), "u": base[1:]}
@case
def parameter(): return torch.nn.Parameter(base)
@case
def parameter_frozen(): return {"p": torch.nn.Parameter(base, requires_grad=False)}


@case
def parameter_with_attributes():
    parameter = torch.nn.Parameter(base[:4])
    parameter.tensor_parallel = True
    parameter.mask = base[4:6].clone()
    return {"p": parameter}
@case
def tensor_with_attributes():
    tensor = base.clone()
    tensor.tag = {"source": "camera", "scale": base[:1]}
    return {"t": tensor}


# Sparse tensors: every layout, and what can be said of each.
matrix = torch.tensor([[0., 1, 0, 2], [3, 0, 0, 0], [0, 0, 4, 5], [0, 0, 0, 6]])


@case
def sparse_coo():
    twice = torch.sparse_coo_tensor([[2, 0, 2], [1, 3, 1]], [1., 2, 3], (3, 4))
    return {"uncoalesced": twice, "coalesced": twice.coalesce(), "empty": torch.sparse_coo_tensor(size=(2, 3)),
            "hybrid": torch.sparse_coo_tensor([[3, 1]], torch.arange(6.).reshape(2, 3), (5, 3)),
            "bool": (matrix > 0).to_sparse(), "complex": matrix.to(torch.complex64).to_sparse(),
            "scalar": torch.sparse_coo_tensor(torch.zeros(0, 1, dtype=torch.long), [7.], ()),
            "three": torch.arange(8.).reshape(2, 2, 2).to_sparse()}
@case
def sparse_csr():
    batch = torch.stack([matrix, matrix.flip(0)])
    small = torch.sparse_csr_tensor(torch.tensor([0, 1, 2], dtype=torch.int32),
                                    torch.tensor([2, 0], dtype=torch.int32), [1., 2.], (2, 3))
    return {"plain": matrix.to_sparse_csr(), "batch": batch.to_sparse_csr(), "int32": small,
            "empty": torch.zeros(0, 3).to_sparse_csr(),
            "dense": torch.stack([matrix, -matrix], -1).to_sparse_csr(dense_dim=1)}
@case
def sparse_csc(): return {"t": matrix.to_sparse_csc()}
@case
def sparse_bsr():
    return {"t": matrix.to_sparse_bsr((2, 2)), "tall": matrix.to_sparse_bsr((4, 1)),
            "batch": torch.stack([matrix, -matrix]).to_sparse_bsr((2, 1))}
@case
def sparse_bsc(): return {"t": matrix.to_sparse_bsc((1, 2))}
@case
def sparse_parameter(): return {"p": torch.nn.Parameter(matrix.to_sparse())}
@case
def sparse_shared_values():
    values = torch.arange(3.)
    return {"values": values, "t": torch.sparse_coo_tensor([[0, 1, 2]], values, (4,))}


# Quantized tensors: every dtype and scheme.
@case
def quantized_per_tensor():
    plain = torch.arange(6.).reshape(2, 3) / 4
    return {str(dtype).removeprefix("torch."): torch.quantize_per_tensor(plain, 0.5, zero, dtype)
            for dtype, zero in [(torch.qint8, -3), (torch.quint8, 7), (torch.qint32, 0)]} | {
        "view": torch.quantize_per_tensor(plain, 0.1, 2, torch.quint8).t()[1:]}
@case
def quantized_per_channel():
    plain = torch.arange(6.).reshape(2, 3)
    scales, zeros = torch.tensor([0.5, 1, 2], dtype=torch.float64), torch.tensor([0, 1, 2])
    return {"columns": torch.quantize_per_channel(plain, scales, zeros, 1, torch.qint8),
            "rows": torch.quantize_per_channel(plain, scales[:2], zeros[:2], 0, torch.quint8),
            "floats": torch.quantize_per_channel(plain, scales[1:].float(), torch.tensor([0.5, -1]), 0,
                                                 torch.quint8)}
@case
def quantized_below_a_byte():
    plain = torch.arange(15.).reshape(3, 5)
    ones, zeros = torch.ones(3), torch.zeros(3)
    return {"quint4x2": torch.quantize_per_channel(plain, ones, zeros, 0, torch.quint4x2),
            "quint2x4": torch.quantize_per_channel(plain / 5, ones, zeros, 0, torch.quint2x4)}
@case
def quantized_module(): return torch.ao.nn.quantized.Linear(3, 2).state_dict()


def save(value, path):
    torch.save(value, path)


def save_without_crc(value, path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(value, path)
    finally:
        torch.serialization.set_crc32_options(True)


def save_aligned(value, path):
    from torch.utils.serialization import config
    with config.patch("save.storage_alignment", 4096):
        torch.save(value, path)


def save_without_data(value, path):
    with torch.serialization.skip_data():
        torch.save(value, path)


def save_to_buffer(value, path):
    with open(path, "wb") as file:
        torch.save(value, file)


def save_deflated(value, path):
    """As somebody leaves it who unpacks an archive and packs it again."""
    torch.save(value, path)
    with zipfile.ZipFile(path) as archive:
        records = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in records:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)


class StorageNumbers(type):
    """For `str` in torch.serialization: the addresses by which a legacy file names its storages are
    numbered instead, so that the file does not differ from run to run."""

    def __init__(cls, *_):
        cls.known = {}

    def __call__(cls, address):
        if not isinstance(address, int):
            return str(address)
        return str(94_000_000_000_000 + 64 * cls.known.setdefault(address, len(cls.known)))

    def __instancecheck__(cls, value):
        return isinstance(value, str)


def save_legacy(value, path):
    """In the format before torch 1.6; a list, as several objects in one stream."""
    with open(path, "wb") as file:
        for one in value if isinstance(value, list) else [value]:
            torch.serialization.str = StorageNumbers("str", (), {})
            torch.save(one, file, _use_new_zipfile_serialization=False)
            del torch.serialization.str


def save_bytes(value, path):
    pathlib.Path(path).write_bytes(value)


LEGACY_DTYPES = [name for name in DTYPES if not name.startswith(("uint1", "uint3", "uint6", "float8",
                                                                 "float4", "bits", "complex32"))]
BEFORE_1_6 = {
    "legacy_" + name: (save_legacy, make) for name, make in {
        "dtypes": lambda: {name: bits(getattr(torch, name), 2, 3).t()[1:] for name in LEGACY_DTYPES},
        "shared": lambda: {**shared_slices(), **shared_object(), **view_overlapping(),
                           "empty": shared_empty_storage_of_two_types()},
        "state": state_conv_net, "training": checkpoint_for_training, "values": values_numbers,
        "types": tree_types, "keys": tree_keys, "sparse": sparse_coo,
        "quantized": quantized_per_channel, "parameter": parameter_with_attributes,
        "without_tensors": lambda: {"epoch": 3}, "two_in_one": lambda: [{"a": base}, {"b": base}],
    }.items()}


def of_old_torch():
    """Files that no torch of today writes, from their parts."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "malformed"))
    import old_files
    return {name: (save_bytes, lambda content=content: content)
            for name, content in old_files.FILES.items()}


SAVED_OTHERWISE = {
    "saved_and_packed_again": (save_deflated, lambda: {"t": base, "zeros": torch.zeros(500)}),
    "saved_without_crc": (save_without_crc, lambda: {"t": base}),
    "saved_aligned_to_pages": (save_aligned, lambda: {"t": base[:2]}),
    "saved_without_data": (save_without_data, lambda: {"t": base, "v": base[2:]}),
    "saved_to_a_stream": (save_to_buffer, lambda: {"t": base}),
}


SAFETENSORS_DTYPES = [
    name for name in DTYPES if "bits" not in name and name not in ("complex128", "complex32")]


def tied():
    """A module of which one parameter has two names: one is left out, and metadata says so."""
    module = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.Linear(2, 3))
    module[1].weight = module[0].weight
    return module


def odd_names():
    names = ["", ".", "a.b", "é€😀", "\"quoted\\", "line\nfeed\x00\x1f\x7f", "/", "__meta__",
             "ustar", "a" * 300]
    return {name: bits(torch.int16, 1, seed=name) for name in names}


def save_with_metadata(value, path):
    # One text: safetensors writes several in an order that differs from run to run.
    safetensors.torch.save_file(value, path, {"é\n\"": "😀\x00\\" + "x" * 1000})


SAFETENSORS = {
    "safetensors_dtypes": (safetensors.torch.save_file, lambda: {
        f"{name}.{which}": tensor
        for name in SAFETENSORS_DTYPES
        for which, tensor in (
            ("dense", bits(getattr(torch, name), 2, 3)),
            # F4 has no scalars: they would be two.
            ("scalar", bits(getattr(torch, name), 1, seed=2)[0 if "x2" not in name else ...]),
            ("empty", bits(getattr(torch, name), 0, 2)))}),
    "safetensors_empty": (safetensors.torch.save_file, dict),
    "safetensors_many_dims": (safetensors.torch.save_file, lambda: {
        "w": bits(torch.float16, *[1] * 12, 2), "none": torch.empty(3, 0, 5, 0)}),
    "safetensors_metadata": (save_with_metadata, lambda: {"w": base[:4].clone()}),
    "safetensors_names": (safetensors.torch.save_file, odd_names),
    "safetensors_tied": (safetensors.torch.save_model, tied),
}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    assert safetensors.__version__ == "0.8.0", safetensors.__version__
    warnings.simplefilter("ignore")
    sys.set_int_max_str_digits(0)
    torch.manual_seed(0)
    cases = {name: (save, make) for name, make in CASES.items()}
    cases |= SAVED_OTHERWISE | BEFORE_1_6 | of_old_torch()
    for name, (write, make) in cases.items():
        path = folder / (name + ".pt")
        write(make(), str(path))
        path.with_suffix(".json").write_text(describe.text(describe.describe(str(path))))
    for name, (write, make) in SAFETENSORS.items():
        path = folder / (name + ".safetensors")
        write(make(), str(path))
        path.with_suffix(".json").write_text(
            describe.text(describe_safetensors.description_of(str(path))))
    print(len(cases) + len(SAFETENSORS), "golden files")


if __name__ == "__main__":
    main()
