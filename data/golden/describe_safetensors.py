#!/usr/bin/env python3
"""Says what a safetensors file holds, by loading it with the real safetensors and torch.

usage: describe_safetensors.py FILE...

Prints, for each file, the JSON object that `hardload inspect FILE --format json --digest` has to
print. Names, types, shapes and bytes come from safetensors.torch.load_file, metadata from safe_open;
where each tensor lies, from the header, which json reads.
"""

import hashlib
import json
import struct
import sys

from safetensors import safe_open
from safetensors.torch import load_file

import describe


def header_of(path):
    """The header, in its order, and where the data begins."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


def tensor_fields(name, tensor, start):
    return {
        "name": name,
        "path": [name],
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "strides": list(tensor.stride()),
        "offset": 0,
        "storage": name,
        "file_offset": start,
        "nbytes": tensor.numel() * tensor.dtype.itemsize,
        "device": "cpu",
        "sha256": hashlib.sha256(describe.logical_bytes(tensor)).hexdigest(),
    }


def description_of(path):
    """The JSON object for the file at `path`."""
    header, start = header_of(path)
    header.pop("__metadata__", None)
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert sorted(header) == sorted(tensors)
    return {
        "container": "safetensors",
        "byteorder": "little",
        **({"metadata": metadata} if metadata else {}),
        "tensors": [tensor_fields(name, tensors[name], start + entry["data_offsets"][0])
                    for name, entry in header.items()],
        "values": {},
    }


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(describe.text(description_of(argument)))
