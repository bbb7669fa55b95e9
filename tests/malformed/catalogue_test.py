#!/usr/bin/python3
"""The catalogue is whole, and the script makes exactly the files that are kept."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
MALFORMED = pathlib.Path.cwd() / "data/malformed"
sys.path.insert(0, str(MALFORMED))

import catalogue  # noqa: E402

CASES = json.loads((MALFORMED / "expected.json").read_text())
SCRIPTS = {".py"}
BY_HAND = {"JOIN.md", "peers.json", "torch.json"}
# Rows of section 3 of the catalogue, by their letters, that belong to these formats.
COUNTS = {"Z": 30, "Q": 8, "C": 12, "N": 10, "P": 30, "G": 18, "T": 22, "F": 20, "L": 10, "E": 3, "K": 13,
          "M": 5, "V": 11, "I": 8}


class Catalogue(unittest.TestCase):
    def test_no_row_is_left_out(self):
        rows = [f"{letter}{n:02}" for letter, count in COUNTS.items() for n in range(1, count + 1)]
        self.assertEqual(sorted(catalogue.ROWS), sorted(rows))
        for row in rows:
            files = [case for case in CASES if case["row"] == row]
            self.assertTrue(files or catalogue.ELSEWHERE.get(row),
            f"{row} has no file and no reason")

    def test_rows_have_twins(self):
        for row in {case["row"] for case in CASES}:
            twins = [case for case in CASES if case["row"] == row and "loads" in case]
            self.assertTrue(twins, f"nothing shows that a file near those of {row} loads")

    def test_cases_belong_to_rows(self):
        for case in CASES:
            self.assertIn(case["row"], catalogue.ROWS)
            self.assertTrue(case["file"].startswith(case["row"] + "_"), case["file"])
            self.assertEqual("loads" in case, case["file"].startswith(case["row"] + "_twin_"))
            self.assertNotEqual("loads" in case, "kind" in case)


class Script(unittest.TestCase):
    def test_makes_the_files_that_are_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-B", MALFORMED / "make.py", folder], check=True)
            made = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
        kept = {path.name: path.read_bytes() for path in MALFORMED.iterdir()
                if path.suffix not in SCRIPTS and path.is_file() and path.name not in BY_HAND}
        self.assertEqual(sorted(made), sorted(kept))
        self.assertEqual([name for name in made if made[name] != kept[name]], [])
        self.assertLess(sum(map(len, kept.values())), 3 << 20)

    def test_torch_was_asked_about_every_file(self):
        answers = json.loads((MALFORMED / "torch.json").read_text())
        # The tar of torch 0.1 is not for weights_only.
        self.assertEqual(sorted(answers), sorted(case["file"] for case in CASES
                                                 if case["row"] != "L10"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
