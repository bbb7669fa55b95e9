"""torch.load, with weights_only=True always."""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path("data/golden").absolute()))
import describe  # noqa: E402

TITLE, VERSION = "torch.load", torch.__version__.partition("+")[0]
FORMATS = ["zip", "legacy"]
LOADS = True

torch.set_num_threads(1)


def load(path):
    return torch.load(path, weights_only=True)


def tensors(value):
    for keys, tensor in describe.walk(value, [], []):
        yield (".".join(map(describe.key_name, keys)), *fields(tensor))


def fields(tensor):
    """dtype, shape and elements; of sparse and quantized tensors, dense ones are made as well."""
    content = None
    if tensor.layout is not torch.strided:
        tensor.to_dense().clone()
    elif not tensor.is_meta:
        if tensor.is_quantized:
            tensor.dequantize()
        content = describe.logical_bytes(tensor)
    return str(tensor.dtype).removeprefix("torch."), tensor.shape, content
