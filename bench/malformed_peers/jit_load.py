"""torch::jit::load, LibTorch's reader of modules. It compiles their code."""

import os

from hardload_load import libtorch_loaders

TITLE, VERSION = "torch::jit::load", "2.11.0"
FORMATS = ["torchscript"]
LOADS = True
NOT_SHOWN = ["libtorch/script_quantized.pt"]  # its tensors are inside of objects of C++


def main(path):
    return libtorch_loaders(b"jit_load", os.fsencode(path))
