"""hardload::load, as a program calls it: with the default options."""

import ctypes
import os
import pathlib

TITLE, VERSION = "hardload::load", ""
FORMATS = ["zip", "torchscript", "legacy", "tar", "safetensors"]
LOADS = True

# Where it was built: it finds LibTorch from there.
libtorch_loaders = ctypes.CDLL(
    pathlib.Path("bench/malformed_peers/libtorch_loaders.so").resolve()).libtorch_loaders


def main(path):
    return libtorch_loaders(b"hardload", os.fsencode(path))
