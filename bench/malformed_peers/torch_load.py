"""torch.load, with weights_only=True always."""

import pathlib
import pickle
import sys

import torch

sys.path.insert(0, str(pathlib.Path("data/golden").absolute()))
import describe  # noqa: E402

TITLE, VERSION = "torch.load", torch.__version__.partition("+")[0]
FORMATS = ["zip", "legacy"]
LOADS = True

torch.set_num_threads(1)


def load(path, **more):
    try:
        return torch.load(path, weights_only=True, **more)
    except pickle.UnpicklingError as error:
        # Behind advice on weights_only=False, which is no part of what is wrong.
        text = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
        raise pickle.UnpicklingError(text.strip().partition("\n")[0]) from None


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
