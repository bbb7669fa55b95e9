"""torch.load with mmap=True, and weights_only=True always."""

import torch_load
from torch_load import LOADS, VERSION, tensors  # noqa: F401

TITLE = "torch.load, mmap"
FORMATS = ["zip"]


def load(path):
    return torch_load.load(path, mmap=True)
