"""hardload::load, as a program calls it: with the default options."""

import pathlib

TITLE, VERSION = "hardload::load", ""
FORMATS = ["zip", "torchscript", "legacy", "tar", "safetensors"]
PLACES = True

PROGRAM = pathlib.Path("bench/malformed_peers/libtorch_loaders").absolute()


def command(path):
    return [PROGRAM, "hardload", path]
