#!/usr/bin/env python3
"""Writes folders of torch.distributed.checkpoint, and beside each what torch makes of it.

usage: make.py        (needs torch 2.11.0)

NAME/ is written by torch.distributed.checkpoint.save, NAME.pt by dcp_to_torch_save. Running it again
gives the same bytes.
"""

import os
import pathlib
import pickle
import shutil
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402
import torch.distributed.checkpoint as dcp  # noqa: E402
from torch.distributed.checkpoint import filesystem  # noqa: E402
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save  # noqa: E402

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent / "tests" / "parity"), str(HERE.parent / "golden")]
from dcp import Chunked  # noqa: E402

MATRIX = torch.arange(24.0).reshape(4, 6)
FOLDERS = {
    "flat": {"weight": MATRIX.bfloat16(), "bias": torch.tensor([1, -1]), "scalar": torch.tensor(2.5),
             "empty": torch.zeros(0, 3), "transposed": MATRIX.t()},
    "nested": {"model": {"layers": [{"w": MATRIX[:1]}, {"w": MATRIX[1:2]}], "0": torch.ones(2)},
               "optimizer": {"lr": 0.5, "betas": (0.9, 0.999), "state": (torch.zeros(1), {"k": None})},
               "steps": [torch.tensor(7), {"k": 1}]},
    "rows": {"w": Chunked.of(MATRIX, [([1, 0], [3, 6]), ([0, 0], [1, 6])])},
    "grid": {"w": Chunked.of(MATRIX, [([0, 0], [1, 2]), ([0, 2], [1, 4]), ([1, 0], [3, 2]),
                                      ([1, 2], [3, 4])]),
             "c": Chunked.of(MATRIX.half(), [([0, 0], [4, 3]), ([0, 3], [4, 3])])},
}
FILES = {"rows": 2}  # of which each chunk has one
UNFLATTENED = ["flat"]


def main():
    os.chdir(HERE)
    filesystem._generate_uuid = lambda: "00000000-0000-0000-0000-000000000000"
    for name, tree in FOLDERS.items():
        shutil.rmtree(name, ignore_errors=True)
        writer = dcp.FileSystemWriter(name, thread_count=FILES.get(name, 1))
        planner = dcp.DefaultSavePlanner(flatten_state_dict=name not in UNFLATTENED)
        dcp.save(tree, storage_writer=writer, planner=planner, no_dist=True)
        dcp_to_torch_save(name, f"{name}.pt")
    # What Python from 3.14 on writes.
    metadata = pickle.loads(pathlib.Path("nested", ".metadata").read_bytes())
    pathlib.Path("nested", ".metadata").write_bytes(pickle.dumps(metadata, protocol=5))


if __name__ == "__main__":
    main()
