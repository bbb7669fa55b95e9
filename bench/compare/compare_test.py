#!/usr/bin/python3
"""//bench:compare on programs that only pretend: the turns they take, losses, options."""

import contextlib
import csv
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

import compare
import significance

# A program that writes down who it is, and says what it is told to have taken.
PRETENDER = """#!/bin/sh
[ "$1" = write ] && exit 0
echo "{side}" >> "{log}"
case $0 in
  */flat_load) echo {seconds} ;;
  *) echo '{{"seconds": {seconds}}}' ;;
esac
"""


class CompareTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.log = self.folder / "log"

    def programs(self, side, seconds):
        made = self.folder / side
        made.mkdir()
        (made / "libraries").write_text("")
        for name in ("fresh_load", "flat_load"):
            program = made / name
            program.write_text(PRETENDER.format(side=side, log=self.log, seconds=seconds))
            program.chmod(0o755)
        return made

    def samples(self, before, after):
        with contextlib.redirect_stderr(io.StringIO()):
            return compare.take_samples(self.programs("a", before), self.programs("b", after),
                                        ["load", "load, no CRC"], 9, self.folder)

    def test_sides_take_turns(self):
        samples = self.samples(1, 2)
        self.assertEqual(samples["load"], ([1] * 9, [2] * 9))
        sides = self.log.read_text().split()
        self.assertEqual(sides, (["a", "b"] * 2 + ["b", "a"] * 2) * 4 + ["a", "b"] * 2)

    def test_a_loss_is_shown(self):
        rows = significance.compare(self.samples(1, 2), 0.03, 0.01)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            compare.show(rows)
        self.assertEqual(sum("loss" in line for line in out.getvalue().splitlines()), 2)

    def test_a_program_that_fails_is_an_error(self):
        broken = self.programs("a", 1)
        (broken / "fresh_load").write_text("#!/bin/sh\necho no memory >&2; exit 1\n")
        with self.assertRaisesRegex(RuntimeError, "no memory"):
            compare.CASES["load"].seconds(broken, self.folder, os.environ)

    def run_all(self, before, after):
        """The exit status of the whole program, with every case and both files that it writes."""
        sides = {"A": self.programs("a", before), ".": self.programs("b", after)}
        built = unittest.mock.Mock(of=sides.get, commit=lambda revision: "c0ffee")
        arguments = ["compare", "A", ".", "--rounds", "9", "--json", "all.json", "--history", "h.csv"]
        with unittest.mock.patch("revisions.Programs", return_value=built), \
                unittest.mock.patch.object(sys, "argv", arguments), \
                unittest.mock.patch.dict(os.environ, BUILD_WORKING_DIRECTORY=str(self.folder),
                                         BUILD_WORKSPACE_DIRECTORY="nowhere"), \
                contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                compare.main()
            except SystemExit as exit:
                return exit.code
        return 0

    def test_a_loss_is_status_1_and_everything_is_written(self):
        self.assertEqual(self.run_all(1, 2), 1)
        written = json.loads((self.folder / "all.json").read_text())
        self.assertEqual([row["verdict"] for row in written["rows"]], ["loss"] * len(compare.CASES))
        self.assertEqual(written["samples"]["load_state_dict"], [[1] * 9, [2] * 9])
        with (self.folder / "h.csv").open(newline="") as file:
            [row] = csv.DictReader(file)
        self.assertEqual(row["commit"], "c0ffee+")
        self.assertEqual(len(row), 2 + len(compare.CASES))
        self.assertEqual(row["load_no_CRC"], "2")

    def test_a_win_is_status_0(self):
        self.assertEqual(self.run_all(2, 1), 0)

    def test_options(self):
        self.assertEqual(compare.parse(["A", "B"]).rounds, 15)
        for wrong in (["A"], ["A", "B", "--rounds", "8"], ["A", "B", "--case", "none"],
                      ["A", "B", "--case", "load", "--history", "h.csv"]):
            with self.subTest(wrong), contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, compare.parse, wrong)


if __name__ == "__main__":
    unittest.main()
