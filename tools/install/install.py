#!/usr/bin/python3
"""Installs hardload: the command, the library, its headers, and how CMake and pkg-config find them.

usage: ./bazelw run //:install -- [PREFIX]      (default: /usr/local; $DESTDIR goes in front)
       ./bazelw build //:install && sudo bazel-bin/install [PREFIX]

Prints each file that it writes. What it writes can be moved elsewhere as a whole.
"""

import os
import pathlib
import re
import sys

RUNFILES = pathlib.Path(__file__ + ".runfiles")
HERE = RUNFILES / "hardload"
LIBTORCH_VERSION = RUNFILES / "libtorch/include/torch/headeronly/version.h"


def reached(header):
    """The header, and all of the project's that it includes, directly or not."""
    found = set()
    left = [header]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += re.findall(r'^#include "(loader/[^"]+)"', (HERE / name).read_text(), re.MULTILINE)
    return sorted(found)


def match(pattern, path):
    return re.search(pattern, path.read_text())[1]


def files():
    """Each file: its path below PREFIX, content and mode."""
    libtorch = match(r'"([0-9.]+)"', LIBTORCH_VERSION)
    words = {"@VERSION@": match(r'kVersion = "([^"]+)"', HERE / "loader/base/version.h"),
             "@LIBTORCH_VERSION@": libtorch,
             "@LIBTORCH_SERIES@": libtorch.rpartition(".")[0]}

    def filled(name):
        text = (HERE / "tools/install" / name).read_text()
        return re.sub("@[A-Z_]+@", lambda word: words[word[0]], text).encode()

    yield "bin/hardload", (HERE / "hardload").read_bytes(), 0o755
    yield "lib/libhardload.a", (HERE / "tools/install/libhardload.a").read_bytes(), 0o644
    for name in reached("loader/hardload.h"):
        yield "include/hardload/" + name, (HERE / name).read_bytes(), 0o644
    for name in ("hardload-config.cmake", "hardload-config-version.cmake"):
        yield "lib/cmake/hardload/" + name, filled(name + ".in"), 0o644
    yield "lib/pkgconfig/hardload.pc", filled("hardload.pc.in"), 0o644
    yield "share/doc/hardload/LICENSE", (HERE / "LICENSE").read_bytes(), 0o644


def put(path, content, mode):
    """Writes the file in the place of an old one, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.chmod(mode)
    fresh.replace(path)


def main():
    arguments = sys.argv[1:]
    if len(arguments) > 1 or any(not a or a.startswith("-") for a in arguments):
        sys.exit(__doc__)
    # `bazel run` starts programs among their data files, and says here where the user is.
    here = os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd())
    prefix = os.path.join(here, *arguments or ["/usr/local"])
    root = pathlib.Path(os.path.normpath(os.environ.get("DESTDIR", "") + prefix))
    wanted = list(files())
    try:
        for name, content, mode in wanted:
            put(root / name, content, mode)
            print(root / name)
    except OSError as problem:
        sys.exit(f"install: cannot write {problem.filename}: {problem.strerror}; name a folder of "
                 "yours as PREFIX, or run sudo bazel-bin/install")


if __name__ == "__main__":
    main()
