"""torch::jit::load, LibTorch's reader of modules. It compiles their code."""

import os

from hardload_load import libtorch_loaders

TITLE, VERSION = "torch::jit::load", "2.11.0"
FORMATS = ["torchscript"]
LOADS = True


def main(path):
    return libtorch_loaders(b"jit_load", os.fsencode(path))
