#!/usr/bin/env python3
"""Otava finds, in a history, the steps of the series that its own test data is labelled with.

By hand, because it installs Otava from a package index: bench/compare/find_steps_test.py
"""

import datetime
import json
import pathlib
import subprocess
import tempfile
import unittest

import find_steps
import history

ROWS = 80
# Of otava-test-data: the series, and which of its labels are steps.
SERIES = """
import json
from otava_test_data.generators import advanced, basic
series = {
    "constant": basic.constant(80),
    "noise": basic.noise_normal(80, mean=100, sigma=1, seed=1),
    "outlier": basic.outlier(80, seed=2),
    "step": basic.step_function(80, value_before=100, value_after=105, sigma=1, seed=3),
    "regression and fix": basic.regression_fix(80, value_regression=110, regression_duration=25,
                                               sigma=1, seed=4),
    "three steps": advanced.multiple_changes(80, sigma=1, seed=5),
}
print(json.dumps({name: {"values": list(s.data), "steps": [
    point.index for point in s.change_points
    if point.change_type in ("step", "regression_start", "regression_end")]}
    for name, s in series.items()}))
"""


class OtavaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = subprocess.run([find_steps.environment(), "-c", SERIES], check=True, capture_output=True,
                              text=True)
        cls.series = json.loads(made.stdout)
        start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "history.csv")
            for row in range(ROWS):
                history.append(path, f"{row:040x}",
                               {name: s["values"][row] for name, s in cls.series.items()},
                               start + datetime.timedelta(days=row))
            cls.regressions = find_steps.analyze(path, "--output=regressions_only")
            groups = json.loads(find_steps.analyze(path, "--output=json"))["hardload"]
        cls.found = {history.column(name): [] for name in cls.series}
        for group in groups:
            day = datetime.datetime.fromtimestamp(group["time"], datetime.timezone.utc) - start
            for change in group["changes"]:
                cls.found[change["metric"]].append(day.days)

    def test_every_step_is_found_and_no_other(self):
        for name, series in self.series.items():
            with self.subTest(name):
                found = sorted(self.found[history.column(name)])
                self.assertEqual(len(found), len(series["steps"]), found)
                for day, step in zip(found, series["steps"]):
                    self.assertLessEqual(abs(day - step), 2)

    def test_slower_is_a_regression(self):
        # Seconds: more of them is worse.
        self.assertIn("step", self.regressions)
        self.assertNotIn("noise", self.regressions)


if __name__ == "__main__":
    unittest.main()
