"""torch::pickle_load, LibTorch's reader of plain dicts."""

from hardload_load import PROGRAM

TITLE, VERSION = "torch::pickle_load", "2.11.0"
FORMATS = ["zip"]
PLACES = True


def command(path):
    return [PROGRAM, "pickle_load", path]
