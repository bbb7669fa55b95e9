#!/usr/bin/env python3
"""Says what a file of torch.save holds, by loading it with the real torch.

usage: describe.py FILE...

Prints, for each file, the JSON object that `hardload inspect FILE --format json --digest` has to
print (loader/cli/inspect.schema.json). Tensors, values and digests come from torch.load; which
record each tensor's storage is, and where it lies, from torch's own PyTorchFileReader; of files
before torch 1.6, from reading them here. Of a file of
torch::pickle_save they come from LibTorch's own reader. Of a TorchScript archive they come from
Python's unpickler, and every tensor of torch.jit.load(FILE).state_dict() has to be among them.
"""

import collections
import hashlib
import json
import math
import pickle
import struct
import sys
import tarfile
import zipfile
import io

import torch

LARGEST_EXACT = 2**53


def typed(kind, value):
    return {"$type": kind, "value": value}


def number(value):
    if math.isfinite(value):
        return value
    return typed("float", "nan" if math.isnan(value) else "inf" if value > 0 else "-inf")


def integer(value):
    if -LARGEST_EXACT <= value <= LARGEST_EXACT:
        return value
    return typed("int", hex(value) if len(str(abs(value))) > 4300 else str(value))


def inside_itself(value, open_objects):
    """Whether a list, dict or set is among the objects around it; tuples hold it only through one."""
    return not isinstance(value, tuple) and any(value is other for other in open_objects)


class Values:
    """Converts an object tree, leaving tensors out of dicts, and tells cycles by identity."""

    def __init__(self, storages):
        self.storages = storages
        self.open = []

    def convert(self, value):
        kind = type(value)
        if isinstance(value, torch.Tensor):
            return {"$type": "tensor"}
        if kind in (type(None), bool, str):
            return value
        if kind is int:
            return integer(value)
        if kind is float:
            return number(value)
        if kind is complex:
            return typed("complex", [number(value.real), number(value.imag)])
        if kind in (bytes, bytearray):
            return typed(kind.__name__, value.hex())
        if kind is torch.dtype:
            return typed("torch.dtype", str(value).removeprefix("torch."))
        if kind is torch.qscheme:
            return typed("torch.qscheme", str(value).removeprefix("torch."))
        if kind is torch.layout:
            return typed("torch.layout", str(value))
        if kind is torch.device:
            return typed("torch.device", str(value))
        if isinstance(value, type) or kind.__name__ == "tensortype":
            return typed("class", value.__module__ + "." + value.__name__)
        if kind in (torch.storage.TypedStorage, torch.UntypedStorage):
            return self.storages.describe(value)
        if isinstance(value, ScriptObject):
            return {"$type": "script", "class": value.name, "state": self.convert(value.state)}
        if inside_itself(value, self.open):
            return {"$type": "cycle"}
        self.open.append(value)
        try:
            return self.container(value)
        finally:
            self.open.pop()

    def container(self, value):
        kind = type(value)
        if kind in (dict, collections.OrderedDict, collections.Counter):
            items = [(k, self.convert(v)) for k, v in value.items()
                     if not isinstance(v, torch.Tensor)]
            plain = (all(type(k) is str and k != "$type" for k in value)
                     and not any(has_surrogates(k) for k, v in items))
            if plain and kind is not collections.Counter:
                return dict(items)
            name = "Counter" if kind is collections.Counter else "dict"
            return {"$type": name, "items": [[self.convert(k), v] for k, v in items]}
        items = [self.convert(item) for item in value]
        if kind is list:
            return items
        names = {tuple: "tuple", set: "set", torch.Size: "torch.Size"}
        return {"$type": names[kind], "items": items}


class ScriptObject:
    """What Python's unpickler makes of an object of a TorchScript class."""

    name = state = None

    def __setstate__(self, state):
        self.state = state


def script_class(module, name):
    return type(name, (ScriptObject,), {"name": module + "." + name})


# Storage classes that LibTorch's pickler names after types that have none in Python.
LIBTORCH_STORAGES = {
    "ComplexHalf": torch.complex32, "UInt16": torch.uint16, "UInt32": torch.uint32,
    "UInt64": torch.uint64, "Float8_e5m2": torch.float8_e5m2,
    "Float8_e4m3fn": torch.float8_e4m3fn, "Float8_e5m2fnuz": torch.float8_e5m2fnuz,
    "Float8_e4m3fnuz": torch.float8_e4m3fnuz, "Float8_e8m0fnu": torch.float8_e8m0fnu,
    "Float4_e2m1fn_x2": torch.float4_e2m1fn_x2, "Bits8": torch.bits8, "Bits16": torch.bits16,
    "Bits1x8": torch.bits1x8, "Bits2x4": torch.bits2x4, "Bits4x2": torch.bits4x2,
}


class LibTorchStorage:
    def __init__(self, name):
        self.dtype = LIBTORCH_STORAGES[name.removesuffix("Storage")]


def rebuild_sparse(layout, *arguments):
    """torch._utils._rebuild_sparse_tensor, or the form of it that LibTorch's pickler writes."""
    if not isinstance(layout, int):
        return torch._utils._rebuild_sparse_tensor(layout, *arguments)
    size, requires_grad, *parts, hooks = arguments
    make = torch.sparse_coo_tensor if layout == 1 else torch.sparse_csr_tensor
    return make(*parts, size, requires_grad=requires_grad, check_invariants=True)


def has_surrogates(text):
    return any("\ud800" <= character <= "\udfff" for character in text)


class Storages:
    """Which storage of a file each one is, by unpickling it with torch's own functions. Subclasses
    read the file: they fill `root`, `head`, and `start` of each storage."""

    def __init__(self):
        self.key, self.location, self.kept, self.start = {}, {}, [], {}
        self.shift = {}  # of slices of storages: where they begin
        self.channels = {}  # of quantized tensors, by storage: scales, zero points, axis

    def unpickle(self, file):
        outer = self

        class Unpickler(pickle._Unpickler):
            dispatch = dict(pickle._Unpickler.dispatch)

            def load_reduce(self):
                """As Python's, but for the member of an enum: LibTorch gives its value alone."""
                arguments = self.stack.pop()
                function = self.stack[-1]
                if isinstance(function, type) and issubclass(function, ScriptObject):
                    self.stack[-1] = function()
                    self.stack[-1].state = arguments
                else:
                    self.stack[-1] = function(*arguments)

            dispatch[pickle.REDUCE[0]] = load_reduce

            def find_class(self, module, name):
                if module.split(".")[0] == "__torch__":
                    return script_class(module, name)
                if name == "_rebuild_qtensor":
                    return outer.rebuild_quantized
                if name == "_rebuild_sparse_tensor":
                    return rebuild_sparse
                if name.removesuffix("Storage") in LIBTORCH_STORAGES:
                    return LibTorchStorage(name)
                if "Storage" in name:
                    return torch.serialization.StorageType(name) if name != "UntypedStorage" \
                        else torch.UntypedStorage
                return super().find_class(module, name)

            def persistent_load(self, saved):
                return outer.persistent_load(saved)

        return Unpickler(file, encoding="utf-8").load()

    def persistent_load(self, saved):
        return self.load(*saved[1:])

    def load(self, kind, key, location, numel, view=None):
        for typed_storage, known in self.kept:
            if known == key and typed_storage._data_ptr() != 0:
                break
        else:
            dtype = torch.uint8 if kind is torch.UntypedStorage else kind.dtype
            typed_storage = self.keep(dtype, key, location, self.read(key, numel, dtype.itemsize))
        return typed_storage if view is None else self.slice(typed_storage, *view[1:])

    def keep(self, dtype, key, location, storage):
        typed_storage = torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype,
                                                   _internal=True)
        self.kept.append((typed_storage, key))
        self.key[storage._cdata] = key
        self.location[storage._cdata] = location
        return typed_storage

    def slice(self, root, offset, numel):
        item = torch._utils._element_size(root.dtype)
        storage = root._untyped_storage[offset * item:(offset + numel) * item]
        made = torch.storage.TypedStorage(wrap_storage=storage, dtype=root.dtype, _internal=True)
        whole = root._untyped_storage._cdata
        self.kept.append((made, None))  # keeps the slice alive, and is found by no key
        self.key[storage._cdata], self.location[storage._cdata] = self.key[whole], self.location[whole]
        self.shift[storage._cdata] = offset
        return made

    def rebuild_quantized(self, storage, offset, size, stride, parameters, *rest):
        if len(parameters) == 4:
            self.channels[storage._untyped_storage._cdata] = parameters[1:]
        return torch._utils._rebuild_qtensor(storage, offset, size, stride, parameters, *rest)

    def offset(self, key):
        return self.start[key]

    def describe(self, storage):
        untyped = storage if isinstance(storage, torch.UntypedStorage) else storage._untyped_storage
        dtype = "uint8" if storage is untyped else str(storage.dtype).removeprefix("torch.")
        key = next(k for s, k in self.kept if bytes(s._untyped_storage) == bytes(untyped))
        return {"$type": "storage", "storage": key, "dtype": dtype, "nbytes": untyped.nbytes(),
                "device": untyped.device.type}


class ZipStorages(Storages):
    def __init__(self, path):
        super().__init__()
        self.reader = torch._C.PyTorchFileReader(path)
        with zipfile.ZipFile(path) as archive:
            self.deflated = {info.filename.partition("/")[2] for info in archive.infolist()
                             if info.compress_type != zipfile.ZIP_STORED}
        self.root = self.unpickle(io.BytesIO(self.reader.get_record("data.pkl")))
        order = b"little"
        if self.reader.has_record("byteorder"):
            order = self.reader.get_record("byteorder")
        version = ".data/version" if self.reader.has_record(".data/version") else "version"
        is_script = self.reader.has_record("constants.pkl")
        folders = ("code", "constants") if is_script else ()
        self.head = {"container": "torchscript" if is_script else "zip",
                     "format_version": int(self.reader.get_record(version)),
                     "byteorder": order.decode(),
                     **{folder: folder_size(path, folder) for folder in folders}}

    def read(self, key, numel, itemsize):
        nbytes = numel * itemsize
        if self.reader.has_record("data/" + key):
            size = len(self.reader.get_record("data/" + key))
            if size // itemsize == numel:
                nbytes = size  # LibTorch rounds down
        return self.reader.get_storage_from_record(
            "data/" + key, nbytes, torch.UntypedStorage)._typed_storage()._untyped_storage

    def offset(self, key):
        name = "data/" + key
        return None if name in self.deflated else self.reader.get_record_offset(name)


def fill(storage, file):
    """Reads a raw storage behind its count; returns where it begins."""
    file.read(8)
    start = file.tell()
    if storage.nbytes():
        data = torch.frombuffer(bytearray(file.read(storage.nbytes())), dtype=torch.uint8)
        torch.empty(0, dtype=torch.uint8).set_(storage).copy_(data)
    return start


class LegacyStorages(Storages):
    """Of torch.save before 1.6."""

    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as file:
            pickle.load(file)
            self.head = {"container": "legacy", "format_version": pickle.load(file),
                         "byteorder": "little"}
            pickle.load(file)
            self.root = self.unpickle(file)
            for key in pickle.load(file):
                (typed_storage,) = [s for s, k in self.kept if k == key][-1:]
                self.start[key] = fill(typed_storage._untyped_storage, file)
            following = len(file.read())
        if following:
            self.head["following"] = following

    def read(self, key, numel, itemsize):
        return torch.UntypedStorage(numel * itemsize)


class TarStorages(Storages):
    """Of torch 0.1."""

    def __init__(self, path):
        super().__init__()
        self.objects = {}
        with tarfile.open(path, "r:") as archive:
            member = archive.getmember("storages")
            file = archive.extractfile(member)
            for _ in range(pickle.load(file)):
                number, location, kind = self.unpickle(file)
                (count,) = struct.unpack("<q", file.read(8))
                file.seek(-8, 1)
                dtype = kind.dtype
                storage = torch.UntypedStorage(count * torch._utils._element_size(dtype))
                self.start[str(number)] = member.offset_data + fill(storage, file)
                self.objects[number] = self.keep(dtype, str(number), location, storage)
            for target, root, offset, numel in pickle.load(file):
                self.objects[target] = self.slice(self.objects[root], offset, numel)
            file = archive.extractfile("tensors")
            for _ in range(pickle.load(file)):
                number, storage, _ = self.unpickle(file)
                (rank,) = struct.unpack("<i4x", file.read(8))
                sizes = struct.unpack(f"<{rank}q", file.read(8 * rank))
                strides = struct.unpack(f"<{rank}q", file.read(8 * rank))
                (offset,) = struct.unpack("<q", file.read(8))
                self.objects[number] = torch._utils._rebuild_tensor(
                    self.objects[storage], offset, sizes, strides)
            version = pickle.load(archive.extractfile("sys_info"))["protocol_version"]
            self.root = self.unpickle(archive.extractfile("pickle"))
        self.head = {"container": "tar", "format_version": version, "byteorder": "little"}

    def persistent_load(self, saved):
        return self.objects[int(saved)]


def storages_of(path):
    with open(path, "rb") as file:
        start = file.read(15)
    kind = {b"PK": ZipStorages, b"\x80\x02": LegacyStorages}.get(start[:2], TarStorages)
    return kind(path)


def walk(value, path, open_objects):
    """Yields (path, tensor) in the order of the tree."""
    while isinstance(value, ScriptObject):
        value = value.state
    if isinstance(value, torch.Tensor):
        yield path, value
        return
    if not isinstance(value, (dict, list, tuple, set)) or inside_itself(value, open_objects):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from walk(item, path + [key], open_objects + [value])


def key_name(key):
    """What a key adds to a tensor's name."""
    plain = isinstance(key, (str, int, type(None)))
    return str(key) if plain else f"<{type(key).__name__}>"


def logical_bytes(tensor):
    """The elements of a tensor in row-major order, conj and neg bits applied, as bytes."""
    plain = tensor.detach()
    if plain.is_quantized:
        if plain.dtype in (torch.quint4x2, torch.quint2x4):
            return bytes(plain.untyped_storage())
        plain = plain.int_repr()
    if plain.dtype.is_complex:
        plain = plain.resolve_conj()
    plain = plain.resolve_neg()
    # Types without arithmetic are copied as integers of their size.
    if plain.dtype.itemsize in (1, 2, 4, 8):
        same_size = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        plain = plain.view(same_size[plain.dtype.itemsize])
    # A tensor of one element is contiguous whatever its strides are; a copy has them in order.
    plain = plain.clone(memory_format=torch.contiguous_format)
    return plain.reshape(-1).view(torch.uint8).numpy().tobytes()


def location_of(tensor, twin, storages):
    if tensor.layout is not torch.strided:
        return location_of(*[parts(t)["values"] for t in (tensor, twin)], storages)
    return "meta" if tensor.is_meta else storages.location[twin.untyped_storage()._cdata]


def fields(tensor, twin, storages):
    """What is said of a tensor and of each of its parts. `twin` is the same on storages of ours."""
    assert tensor.dtype == twin.dtype and tensor.shape == twin.shape
    dense = tensor.layout is torch.strided and not tensor.is_meta
    key = storages.key[twin.untyped_storage()._cdata] if dense else None
    start = storages.offset(key) if dense else None
    shift = storages.shift.get(twin.untyped_storage()._cdata, 0) if dense else 0
    strided = tensor.layout is torch.strided
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "strides": list(tensor.stride()) if strided else None,
        "offset": tensor.storage_offset() + shift if strided else None,
        "storage": key,
        "file_offset": None if start is None
                       else start + (tensor.storage_offset() + shift) * tensor.dtype.itemsize,
        "nbytes": nbytes_of(tensor),
        "device": location_of(tensor, twin, storages),
        "sha256": hashlib.sha256(logical_bytes(tensor)).hexdigest() if dense else None,
    }


def nbytes_of(tensor):
    if tensor.layout is not torch.strided:
        return sum(map(nbytes_of, parts(tensor).values()))
    if tensor.dtype in (torch.quint4x2, torch.quint2x4):
        return tensor.untyped_storage().nbytes()
    return tensor.numel() * tensor.dtype.itemsize


def parts(tensor):
    """The tensors that a sparse tensor is made of."""
    if tensor.layout is torch.sparse_coo:
        return {"indices": tensor._indices(), "values": tensor._values()}
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {"crow_indices": tensor.crow_indices(), "col_indices": tensor.col_indices(),
                "values": tensor.values()}
    return {"ccol_indices": tensor.ccol_indices(), "row_indices": tensor.row_indices(),
            "values": tensor.values()}


def quantizer(tensor, twin, storages):
    scheme = tensor.qscheme()
    if scheme is torch.per_tensor_affine:
        return {"scheme": "per_tensor_affine", "scale": number(tensor.q_scale()),
                "zero_point": tensor.q_zero_point()}
    # Torch copies them into a quantizer; the twin keeps those of the file.
    scales, zero_points, axis = storages.channels[twin.untyped_storage()._cdata]
    return {"scheme": str(scheme).removeprefix("torch."), "axis": axis,
            "scales": fields(scales, scales, storages),
            "zero_points": fields(zero_points, zero_points, storages)}


def folder_size(path, folder):
    with zipfile.ZipFile(path) as archive:
        sizes = [info.file_size for info in archive.infolist()
                 if info.filename.partition("/")[2].startswith(folder + "/")]
    return {"files": len(sizes), "bytes": sum(sizes)}


def same(a, b):
    if (a.dtype, a.shape, a.layout) != (b.dtype, b.shape, b.layout):
        return False
    if a.layout is not torch.strided:
        return all(same(parts(a)[role], parts(b)[role]) for role in parts(a))
    return a.stride() == b.stride() and logical_bytes(a) == logical_bytes(b)


def check_state_dict(path, root):
    """That torch.jit.load's state dict is among what the pickle holds, in the same order."""
    found = {}
    for keys, tensor in walk(root, [], []):
        found.setdefault(".".join(map(key_name, keys)), tensor)
    state = torch.jit.load(path).state_dict()
    assert [name for name in found if name in state] == list(state), (list(found), list(state))
    for name, tensor in state.items():
        assert same(tensor, found[name]), name
    return state


def describe(path, by_libtorch=False):
    """The JSON object for the file at `path`. `by_libtorch`: of torch::pickle_save."""
    storages = storages_of(path)
    is_script = storages.head["container"] == "torchscript"
    if is_script:
        root = storages.root
        check_state_dict(path, root)
    elif by_libtorch:
        with open(path, "rb") as file:
            root = torch._C._pickle_load_obj(file.read())
    else:
        root = torch.load(path, weights_only=False)
    tensors = []
    for (keys, tensor), (_, twin) in zip(walk(root, [], []), walk(storages.root, [], []),
                                         strict=True):
        entry = {
            "name": ".".join(map(key_name, keys)),
            "path": [Values(storages).convert(k) for k in keys],
            **fields(tensor, twin, storages),
        }
        if tensor.layout is not torch.strided:
            entry["layout"] = str(tensor.layout).removeprefix("torch.")
            if tensor.layout is torch.sparse_coo and not (is_script or by_libtorch):
                entry["is_coalesced"] = tensor.is_coalesced()
            twins = parts(twin)
            entry["parts"] = {role: fields(part, twins[role], storages)
                              for role, part in parts(tensor).items()}
        if tensor.is_quantized:
            entry["quantizer"] = quantizer(tensor, twin, storages)
        tensors.append(entry)
    return {
        **storages.head,
        "tensors": tensors,
        "values": Values(storages).convert(root),
    }


def text(description):
    """One tensor a line, so that changes can be read."""
    lines = [json.dumps(tensor) for tensor in description["tensors"]]
    head = {k: v for k, v in description.items() if k not in ("tensors", "values")}
    return (json.dumps(head)[:-1] + ', "tensors": [\n' + ",\n".join(lines) + '],\n"values": ' +
            json.dumps(description["values"]) + "}\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(text(describe(name)))
