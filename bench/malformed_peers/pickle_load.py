"""torch::pickle_load, LibTorch's reader of plain dicts."""

import os

from hardload_load import libtorch_loaders

TITLE, VERSION = "torch::pickle_load", "2.11.0"
FORMATS = ["zip"]
LOADS = True


def main(path):
    return libtorch_loaders(b"pickle_load", os.fsencode(path))
