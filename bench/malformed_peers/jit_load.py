"""torch::jit::load, LibTorch's reader of modules. It compiles their code."""

from hardload_load import PROGRAM

TITLE, VERSION = "torch::jit::load", "2.11.0"
FORMATS = ["torchscript"]
PLACES = True


def command(path):
    return [PROGRAM, "jit_load", path]
