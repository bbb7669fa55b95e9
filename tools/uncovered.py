#!/usr/bin/env python3
"""Lists the functions of which tests run less than nine lines in ten: tools/coverage pipes
`llvm-cov export` into it. A total hides a validator that no test ever calls.
"""

import json
import subprocess
import sys

LEAST = 0.9


def executed(function):
    """The lines of a function's own file that hold its code: line -> how often it ran."""
    innermost = {}
    for first, from_column, last, to_column, count, file, _, kind in function["regions"]:
        if kind != 0 or file != 0:  # 0: code
            continue
        size = (last - first, to_column - from_column)
        for line in range(first, last + 1):
            innermost[line] = min(innermost.get(line, (size, count)), (size, count))
    return {line: count for line, (_, count) in innermost.items()}


def main():
    found = {}  # a template is there once for each type: by where the function begins
    for function in json.load(sys.stdin)["data"][0]["functions"]:
        file = function["filenames"][0]
        lines = executed(function)
        if "/loader/" not in file or not lines:
            continue
        place = (file[file.index("/loader/") + 1:], *function["regions"][0][:2])
        counts, _ = found.setdefault(place, ({}, function["name"].rpartition(":")[2]))
        for line, count in lines.items():
            counts[line] = max(counts.get(line, 0), count)
    rare = []
    for (file, *_), (counts, name) in found.items():
        missed = sorted(line for line, count in counts.items() if count == 0)
        if len(missed) > (1 - LEAST) * len(counts):
            rare.append((1 - len(missed) / len(counts), file, name, missed))
    names = subprocess.run(["c++filt"], input="\n".join(name for _, _, name, _ in rare), text=True,
                           capture_output=True, check=True).stdout.splitlines()
    for (share, file, _, missed), name in sorted(zip(rare, names)):
        lines = ", ".join(map(str, missed[:6])) + (", ..." if len(missed) > 6 else "")
        print(f"{share:4.0%} {file} {name[:100]}: not line {lines}")
    print(f"{len(rare)} of {len(found)} functions have less than {LEAST:.0%} of their lines run")


if __name__ == "__main__":
    main()
