#!/usr/bin/python3
"""The gate fails on losses, on wins that are not recorded, and on changes without a reason."""

import copy
import json
import unittest

import gate_table

MADE_WITH = {"compiler": "clang 14"}


def table(cases, margins=None):
    empty = {"margins": margins or {"instructions": 0.01, "system_calls": 0}, "made_with": MADE_WITH,
             "cases": {}, "changes": []}
    return gate_table.recorded(empty, cases, MADE_WITH, "the first", "2026-01-01")


def case(instructions=100_000, system_calls=10):
    return {"instructions": instructions, "system_calls": system_calls}


class Verdict(unittest.TestCase):
    def lines(self, measured, made_with=MADE_WITH):
        return gate_table.verdict(table({"open": case()}), measured, made_with)

    def test_the_same_passes(self):
        self.assertEqual(self.lines({"open": case()}), [])

    def test_within_the_margin_passes(self):
        self.assertEqual(self.lines({"open": case(instructions=101_000)}), [])
        self.assertEqual(self.lines({"open": case(instructions=99_000)}), [])

    def test_a_loss_fails(self):
        [line] = self.lines({"open": case(instructions=101_001)})
        self.assertEqual(line, "open: instructions 100,000 -> 101,001 (+1.00%, margin 1.0%): a loss")

    def test_a_win_that_is_not_recorded_fails(self):
        [line] = self.lines({"open": case(instructions=50_000)})
        self.assertIn("-50.00%", line)
        self.assertIn("a win that is not recorded", line)

    def test_one_more_fails_without_a_margin(self):
        [line] = self.lines({"open": case(system_calls=11)})
        self.assertIn("system_calls 10 -> 11", line)

    def test_something_where_there_was_nothing_fails(self):
        old = table({"open": case(system_calls=0)})
        [line] = gate_table.verdict(old, {"open": case(system_calls=1)}, MADE_WITH)
        self.assertIn("from nothing", line)

    def test_less_in_huge_pages_is_a_loss(self):
        old = table({"load": {"huge_page_bytes": 100}}, {"huge_page_bytes": 0})
        [line] = gate_table.verdict(old, {"load": {"huge_page_bytes": 99}}, MADE_WITH)
        self.assertTrue(line.endswith("a loss"), line)

    def test_cases_come_and_go_only_with_a_record(self):
        [line] = self.lines({"open": case(), "new": case()})
        self.assertIn("new: the case is not in the table", line)
        [line] = self.lines({})
        self.assertIn("open: the case is gone", line)

    def test_another_compiler_is_not_compared_in_silence(self):
        [line] = self.lines({"open": case()}, {"compiler": "clang 15"})
        self.assertIn("made with compiler clang 14, this is clang 15", line)


class Reasons(unittest.TestCase):
    def setUp(self):
        self.table = table({"open": case(), "save": case()})

    def test_a_record_needs_one(self):
        for reason in ("", "  "):
            with self.assertRaises(ValueError):
                gate_table.recorded(self.table, {}, MADE_WITH, reason, "2026-01-02")

    def test_a_record_says_what_moved_and_keeps_the_rest(self):
        # 100,900 is within the margin of what stands there: small losses must not add up.
        measured = {"open": case(instructions=50_000), "save": case(instructions=100_900)}
        new = gate_table.recorded(self.table, measured, MADE_WITH, "faster", "2026-01-02")
        self.assertEqual(new["cases"], {"open": case(instructions=50_000), "save": case()})
        self.assertEqual(new["changes"][-1]["moved"], {"open": {"instructions": [100_000, 50_000]}})
        self.assertEqual(new["changes"][-1]["reason"], "faster")
        self.assertEqual(len(new["changes"]), 2)
        self.assertEqual(gate_table.verdict(new, measured, MADE_WITH), [])

    def test_with_another_compiler_everything_is_taken_over(self):
        measured = {"open": case(instructions=100_001), "save": case()}
        made_with = {"compiler": "clang 15"}
        new = gate_table.recorded(self.table, measured, made_with, "Debian 13", "2026-01-02")
        self.assertEqual(new["cases"], measured)
        self.assertEqual(gate_table.verdict(new, measured, made_with), [])

    def test_a_case_that_is_gone_is_said_to_be(self):
        new = gate_table.recorded(self.table, {"open": case()}, MADE_WITH, "no saving", "2026-01-02")
        self.assertEqual(new["changes"][-1]["moved"], {"save": "gone"})

    def test_an_edit_without_one_is_found_out(self):
        for edit in (lambda t: t["cases"]["open"].update(instructions=200_000),
                     lambda t: t["margins"].update(instructions=0.5),
                     lambda t: t["changes"][-1].update(reason=" "),
                     lambda t: t["changes"].clear()):
            edited = copy.deepcopy(self.table)
            edit(edited)
            self.assertNotEqual(gate_table.problems(edited), [])

    def test_the_text_is_the_table(self):
        text = gate_table.as_text(self.table)
        self.assertEqual(json.loads(text), self.table)
        self.assertEqual(sum('"open"' in line for line in text.splitlines()), 2)


class Committed(unittest.TestCase):
    def test_the_table_is_sound(self):
        with open("bench/gate/table.json") as file:
            text = file.read()
        committed = json.loads(text)
        self.assertEqual(gate_table.problems(committed), [])
        self.assertEqual(gate_table.as_text(committed), text)


if __name__ == "__main__":
    unittest.main()
