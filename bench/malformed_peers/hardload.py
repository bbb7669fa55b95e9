"""`hardload inspect`, with the digest of every tensor. It says of a device what the file says."""

import pathlib

TITLE, VERSION = "hardload inspect", ""
FORMATS = ["zip", "torchscript", "legacy", "tar", "safetensors"]

PROGRAM = pathlib.Path("hardload").absolute()


def command(path):
    return [PROGRAM, "inspect", path, "--format", "json", "--digest"]
