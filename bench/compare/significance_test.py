#!/usr/bin/python3
"""The statistics of //bench:compare against values that were computed elsewhere."""

import random
import unittest

import significance


class MannWhitney(unittest.TestCase):
    def test_known_values(self):
        # scipy's documentation of mannwhitneyu: U = 17, exact p = 0.1111...
        u, p = significance.mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12])
        self.assertEqual(u, 17)
        self.assertAlmostEqual(p, 1 / 9, places=12)
        # R's documentation of wilcox.test: W = 35, one-sided p = 0.1272.
        u, p = significance.mann_whitney(
            [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46],
            [1.15, 0.88, 0.90, 0.74, 1.21])
        self.assertEqual(u, 35)
        self.assertAlmostEqual(p, 2 * 0.1272, places=4)

    def test_sides_that_do_not_overlap(self):
        # One of the 48620 ways to choose 9 of 18, and its mirror image.
        _, p = significance.mann_whitney(range(9), range(9, 18))
        self.assertAlmostEqual(p, 2 / 48620, places=12)
        self.assertEqual(p, significance.mann_whitney(range(9, 18), range(9))[1])

    def test_with_ties_it_is_nearly_normal(self):
        # By hand: U = 1 + 0.5 + 0.5. Two pairs of the 9 values are equal, so that sigma^2 = 20 / 12
        # * (10 - 12 / 72) = 16.389, z = (18 - 10 - 0.5) / 4.0483 = 1.8526, p = 0.0639.
        u, p = significance.mann_whitney([1, 2, 3, 4], [3, 4, 5, 6, 7])
        self.assertEqual(u, 2)
        self.assertAlmostEqual(p, 0.0639, places=4)

    def test_exact_and_normal_agree_where_both_hold(self):
        draw = random.Random(7)
        a = [draw.random() for _ in range(25)]
        b = [draw.random() + 0.2 for _ in range(25)]
        exact = significance.mann_whitney(a, b)[1]
        normal = significance.mann_whitney([*a, 9], [*b, 9])[1]  # with a tie
        self.assertAlmostEqual(exact, normal, delta=0.01)

    def test_all_equal_is_no_difference(self):
        self.assertEqual(significance.mann_whitney([1] * 9, [1] * 9)[1], 1)

    def test_one_distribution_gives_every_probability_alike(self):
        draw = random.Random(1)
        below = sum(significance.mann_whitney([draw.random() for _ in range(9)],
                                              [draw.random() for _ in range(9)])[1] < 0.05
                    for _ in range(1000))
        self.assertTrue(25 <= below <= 70, below)


class Ratio(unittest.TestCase):
    def test_the_interval_holds_the_ratio(self):
        draw = random.Random(2)
        held = 0
        for _ in range(100):
            a = [1 + 0.05 * draw.random() for _ in range(15)]
            b = [1.1 * (1 + 0.05 * draw.random()) for _ in range(15)]
            _, low, high = significance.ratio_interval(a, b, resamples=300)
            held += low <= 1.1 <= high
        self.assertGreaterEqual(held, 85)

    def test_what_slows_both_cancels_out(self):
        slow = [1, 1, 1, 3, 3, 3, 9, 9, 9]
        ratio, low, high = significance.ratio_interval(slow, [1.1 * s for s in slow])
        for value in (ratio, low, high):
            self.assertAlmostEqual(value, 1.1)

    def test_it_does_not_depend_on_the_run(self):
        a, b = [1, 2, 3, 4], [2, 2, 3, 5]
        self.assertEqual(significance.ratio_interval(a, b), significance.ratio_interval(a, b))

    def test_sides_have_to_be_pairs(self):
        with self.assertRaises(ValueError):
            significance.ratio_interval([1, 2], [1])


class Holm(unittest.TestCase):
    def test_known_values(self):
        # p.adjust(c(0.01, 0.02, 0.03), "holm") in R
        adjusted = significance.holm([0.03, 0.01, 0.02])
        for value, expected in zip(adjusted, [0.04, 0.03, 0.04]):
            self.assertAlmostEqual(value, expected)
        self.assertEqual(significance.holm([0.9, 0.8]), [1.0, 1.0])


class Compare(unittest.TestCase):
    SAMPLES = [1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08]

    def verdict(self, factor, threshold=0.03, alpha=0.01):
        after = [factor * (s + 0.001) for s in self.SAMPLES]
        [row] = significance.compare({"load": (self.SAMPLES, after)}, threshold, alpha)
        return row.verdict

    def test_verdicts(self):
        self.assertEqual(self.verdict(1), "same")
        self.assertEqual(self.verdict(1.2), "loss")
        self.assertEqual(self.verdict(0.8), "win")

    def test_a_loss_below_the_threshold_is_none(self):
        self.assertEqual(self.verdict(1.2, threshold=0.25), "same")

    def test_a_loss_that_may_be_chance_is_none(self):
        self.assertEqual(self.verdict(1.2, alpha=1e-9), "same")

    def test_a_loss_whose_interval_reaches_1_is_none(self):
        after = [*self.SAMPLES[:4], *(2 * s for s in self.SAMPLES[4:])]
        [row] = significance.compare({"load": (self.SAMPLES, after)}, 0.03, alpha=1)
        self.assertGreater(row.ratio, 1.5)
        self.assertEqual(row.verdict, "same")


if __name__ == "__main__":
    unittest.main()
