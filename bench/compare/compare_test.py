#!/usr/bin/python3
"""//bench:compare on programs that only pretend: the turns they take, losses, options."""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest

import compare
import significance

# A program that writes down who it is, and says what it is told to have taken.
PRETENDER = """#!/bin/sh
[ "$1" = write ] && exit 0
echo "{side}" >> "{log}"
echo '{{"seconds": {seconds}}}'
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
        program = made / "fresh_load"
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

    def test_options(self):
        self.assertEqual(compare.parse(["A", "B"]).rounds, 15)
        for wrong in (["A"], ["A", "B", "--rounds", "8"], ["A", "B", "--case", "none"],
                      ["A", "B", "--case", "load", "--history", "h.csv"]):
            with self.subTest(wrong), contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, compare.parse, wrong)


if __name__ == "__main__":
    unittest.main()
