"""safetensors.torch.load_file."""

import safetensors
from safetensors.torch import load_file

import torch_load

TITLE, VERSION = "safetensors", safetensors.__version__
FORMATS = ["safetensors"]


def load(path):
    return load_file(path)


def tensors(value):
    for name, tensor in value.items():
        yield (name, *torch_load.fields(tensor))
