#!/usr/bin/python3
"""Writes the malformed files: one defect each, and beside them the nearest files that are fine.

usage: make.py [FOLDER]                  all files, expected.json and README.md
       make.py --at-run-time FOLDER      the files that are too large to keep

The default FOLDER is this one. Needs nothing but Python 3.11; running it again changes no byte.
rows_*.py hold the cases, cases.py says what is said of each. What torch says is in torch.json:
./bazelw run //bench:malformed -- --answers data/malformed/torch.json asks it, and others.
"""

import json
import pathlib
import sys

import readme
from cases import CASES, WRITERS
import rows_zip  # noqa: F401 (each module fills CASES)
import rows_zip_more  # noqa: F401
import rows_zip64  # noqa: F401
import rows_records  # noqa: F401
import rows_pickle  # noqa: F401
import rows_object  # noqa: F401
import rows_global  # noqa: F401
import rows_script  # noqa: F401
import rows_special  # noqa: F401
import rows_tensor  # noqa: F401
import rows_legacy  # noqa: F401
import rows_large  # noqa: F401
import rows_safetensors  # noqa: F401
import rows_twins  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent


def write(folder, at_run_time):
    for case in CASES:
        if case.get("at_run_time", False) != at_run_time:
            continue
        content = WRITERS[case["file"]]
        with open(folder / case["file"], "wb") as out:
            content(out) if callable(content) else out.write(content)


def main(arguments):
    at_run_time = arguments[:1] == ["--at-run-time"]
    folder = pathlib.Path(arguments[-1]) if arguments else HERE
    write(folder, at_run_time)
    if at_run_time:
        return
    cases = ",\n".join(json.dumps(case) for case in CASES)
    (folder / "expected.json").write_text(f"[\n{cases}\n]\n")
    torch = json.loads((HERE / "torch.json").read_text())
    (folder / "README.md").write_text(readme.text(CASES, torch))


if __name__ == "__main__":
    main(sys.argv[1:])
