"""`hardload inspect`, with the digest of every tensor. It makes no
tensors, so that it looks at neither devices nor the indices of sparse ones; hardload_load.py does."""

import pathlib

TITLE, VERSION = "hardload inspect", ""
FORMATS = ["zip", "torchscript", "legacy", "tar", "safetensors"]

PROGRAM = pathlib.Path("hardload").absolute()


def command(path):
    return [PROGRAM, "inspect", path, "--format", "json", "--digest"]
