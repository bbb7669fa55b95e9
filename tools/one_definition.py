#!/usr/bin/python3
"""Fails where two files of loader/ define a type of one name: programs that link both get the
destructor of one of them for both, and no compiler says so."""

import collections
import pathlib
import re
import sys

# What is in a nameless namespace is its file's own. Nested types are indented, their parts
# (`struct Tree::Node`) named in full.
NAMELESS = re.compile(r"^namespace \{$.*?^\}  // namespace$", re.MULTILINE | re.DOTALL)
TYPE = re.compile(r"^(?:template <.*> ?)?(?:struct|class|union|enum class)(?: \[\[\w+\]\])? "
                  r"([\w:]+)[^;(]*\{", re.MULTILINE)


def main():
    files = collections.defaultdict(set)
    for path in sorted([*pathlib.Path("loader").rglob("*.h"), *pathlib.Path("loader").rglob("*.cc")]):
        for name in TYPE.findall(NAMELESS.sub("", path.read_text())):
            files[name].add(str(path))
    if len(files) < 100:
        sys.exit(f"{len(files)} types in loader/: run this where it is")
    for name, paths in files.items():
        if len(paths) > 1:
            print(f"{name} is defined in {' and '.join(sorted(paths))}", file=sys.stderr)
    sys.exit(any(len(paths) > 1 for paths in files.values()))


if __name__ == "__main__":
    main()
