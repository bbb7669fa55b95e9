#!/usr/bin/env python3
"""Pins Python's torch, safetensors and all that they need, with hashes, for CPython 3.11 on x86-64
Linux.

usage: third_party/torch_python_lock.py VERSION > third_party/torch_python.lock

Asks pip what it would install; downloads no more than it needs to know that.
"""

import json
import subprocess
import sys
import tempfile

# safetensors takes tensors' bytes through numpy, which it does not say.
BESIDE_TORCH = ["safetensors==0.8.0", "numpy==2.4.6"]
# All that glibc 2.28 runs.
PLATFORMS = ["any", "manylinux2014_x86_64"] + [f"manylinux_2_{n}_x86_64" for n in range(5, 29)]


def print_lock(wanted, script):
    """Prints what pip would install for the requirements `wanted`."""
    with tempfile.TemporaryDirectory() as folder:
        report = folder + "/report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
             "--report", report, "--target", folder, "--only-binary=:all:", "--python-version=3.11",
             "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none",
             *[f"--platform={platform}" for platform in PLATFORMS], *wanted],
            check=True)
        with open(report) as file:
            wheels = json.load(file)["install"]
    print(f"# What pip installs for {' '.join(wanted)}: made by {script}.")
    for wheel in sorted(wheels, key=lambda wheel: wheel["metadata"]["name"].lower()):
        name, pinned = wheel["metadata"]["name"], wheel["metadata"]["version"]
        digest = wheel["download_info"]["archive_info"]["hashes"]["sha256"]
        print(f"{name}=={pinned} --hash=sha256:{digest}")


if __name__ == "__main__":
    print_lock(["torch==" + sys.argv[1], *BESIDE_TORCH], "torch_python_lock.py")
