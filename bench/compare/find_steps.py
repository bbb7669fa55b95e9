#!/usr/bin/env python3
"""Looks for steps in a history of //bench:compare -- --history FILE, with Apache Otava.

usage: bench/compare/find_steps.py FILE [options of `otava analyze`, as --output=regressions_only]

Otava is installed once, into a virtual environment below the cache: what otava.lock names, 400 MB,
for CPython 3.11. Its default is to believe in a step where the probability of chance is below 0.001;
it needs some tens of rows.
"""

import csv
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import history

LOCK = pathlib.Path(__file__).resolve().with_name("otava.lock")
CACHE = pathlib.Path(os.environ.get("HARDLOAD_CACHE", pathlib.Path.home() / ".cache/hardload-compare"))


def environment():
    """The virtual environment's Python; made where it is not there."""
    folder = CACHE / ("otava-" + hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12])
    python = folder / "bin/python3"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet",
                        "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", LOCK],
                       check=True)
        (folder / "complete").touch()
    return python


def analyze(path, *options):
    """What `otava analyze` prints of the history at `path`."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(history.otava_config(path))
        config.flush()
        with open(path, newline="") as file:
            first = next(csv.DictReader(file))["time"]
        # Otava's own default is to look at the last year only.
        done = subprocess.run(
            [environment(), "-c", "from otava.main import main; main()", "analyze", "hardload",
             "--since", first, *options],
            env=os.environ | {"OTAVA_CONFIG": config.name}, check=True, stdout=subprocess.PIPE,
            text=True)
    return done.stdout


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(analyze(pathlib.Path(sys.argv[1]), *sys.argv[2:]), end="")
