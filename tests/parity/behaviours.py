#!/usr/bin/env python3
"""Checks the table of behaviours in README.md: no number is left out, and every test in it is there.

usage: tests/parity/behaviours.py
"""

import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
COUNT = 87


def names():
    """Of all tests: Suite.Name, test_name, and what Bazel calls them; and of golden files."""
    for path in TESTS.rglob("*_test.cc"):
        yield from map(".".join, re.findall(r"^TEST\w*\((\w+),\s+(\w+)\)", path.read_text(), re.M))
    for path in TESTS.rglob("*_test.py"):
        yield from re.findall(r"^    def (test_\w+)\(", path.read_text(), re.M)
    yield from re.findall(r'name = "(\w+_test)"', (TESTS / "parity/BUILD").read_text())
    yield from (path.name for path in TESTS.rglob("*_test.sh"))
    yield from (path.name for path in TESTS.parent.glob("data/golden/*.pt"))


def main():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (TESTS / "parity/README.md").read_text(), re.M)
    known = set(names())
    wrong = []
    if [number for number, _ in rows] != [str(i + 1) for i in range(COUNT)]:
        wrong.append(f"the rows are not 1 to {COUNT}")
    for number, held in rows:
        tests = re.findall(r"`([\w.]+)`", held)
        wrong += [f"{number}: there is no {name}" for name in tests if name not in known]
        if not tests and not re.match(r"\*(none|not yet)\*: \w", held):
            wrong.append(f"{number}: no test and no reason")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
