#!/usr/bin/python3
"""The history is a CSV file whose rows fit together; what Otava is told of it."""

import csv
import datetime
import pathlib
import tempfile
import unittest

import history

TIME = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


class HistoryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "history.csv")

    def test_rows_are_appended(self):
        history.append(self.path, "aaa", {"load": 0.25, "load, no CRC": 0.125}, TIME)
        history.append(self.path, "bbb", {"load": 1e-5, "load, no CRC": 0.2}, TIME)
        with self.path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        time = "2026-01-02 03:04:05 +0000"
        self.assertEqual(rows, [
            {"time": time, "commit": "aaa", "load": "0.25", "load_no_CRC": "0.125"},
            {"time": time, "commit": "bbb", "load": "1e-05", "load_no_CRC": "0.2"}])

    def test_other_cases_are_another_history(self):
        history.append(self.path, "aaa", {"load": 1}, TIME)
        for other in ({"save": 1}, {"load": 1, "save": 1}, {}):
            with self.assertRaises(ValueError):
                history.append(self.path, "bbb", other, TIME)

    def test_otava_is_told_of_every_case(self):
        history.append(self.path, "aaa", {"load": 1, "load, no CRC": 1}, TIME)
        config = history.otava_config(self.path)
        self.assertIn(f'file: "{self.path.resolve()}"', config)
        self.assertIn('"load": {column: "load", direction: -1, scale: 1}', config)
        self.assertIn('"load_no_CRC": {column: "load_no_CRC", direction: -1, scale: 1}', config)


if __name__ == "__main__":
    unittest.main()
