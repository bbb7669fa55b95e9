#!/usr/bin/python3
"""Every case of the gate runs, outside valgrind, too, and is right; what its counters count."""

import json
import pathlib
import subprocess
import tempfile
import unittest

HERE = pathlib.Path("bench/gate")


def run(program, *arguments):
    done = subprocess.run([HERE / program, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{program} {arguments}: {done.stderr}")
    return done.stdout


def costs(program, *cases):
    with tempfile.TemporaryDirectory() as folder:
        return [json.loads(line) for line in run(program, "run", folder, *cases).splitlines()]


class CasesTest(unittest.TestCase):
    def test_they_are_those_of_the_table(self):
        with open(HERE / "table.json") as file:
            table = json.load(file)
        names = run("plain_cases", "list").split() + run("torch_cases", "list").split()
        self.assertEqual(sorted(names), sorted(table["cases"]))

    def test_each_runs_and_allocates(self):
        for program in ("plain_cases", "torch_cases"):
            cases = run(program, "list").split()
            for case, counted in zip(cases, costs(program, *cases), strict=True):
                with self.subTest(case):
                    self.assertGreater(counted["allocations"], 0)
                    self.assertGreaterEqual(counted["allocated_bytes"], counted["allocations"])

    def test_copies_are_counted(self):
        # The imitated device copies all 16 MiB from the staging ring; the host's memory is read
        # straight into.
        large = 16 << 20
        host, device = costs("plain_cases", "move/large", "move/large-to-device")
        self.assertLess(host["copied_bytes"], 1 << 20)
        self.assertTrue(large <= device["copied_bytes"] < large + (1 << 20), device)


if __name__ == "__main__":
    unittest.main()
