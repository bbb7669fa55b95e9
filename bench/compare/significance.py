"""Whether two sets of timings differ: the test by ranks of Mann and Whitney, a ratio of medians with
its confidence interval, and what is left of it where many cases are tested at once.

No timing of a shared machine is normally distributed, so nothing here assumes it.
"""

import collections
import dataclasses
import math
import random
import statistics

# Up to this many samples a side, the distribution of U is counted out; above, it is nearly normal.
_MOST_EXACT = 30


def _rank_sum(a, b):
    """The sum of a's ranks among all, from 1; those that are equal share the mean of their ranks."""
    ranks = {}
    everything = sorted([*a, *b])
    for position, value in enumerate(everything, 1):
        ranks.setdefault(value, []).append(position)
    return sum(statistics.fmean(ranks[value]) for value in a)


def _at_most(u, first, second):
    """The probability that U of `first` and `second` samples of one distribution is at most u.

    The arrangements of both in a row, counted by their U: the last one is of the second side, or it
    is of the first and stands behind all of the second.
    """
    counts = {(0, n): [1] for n in range(second + 1)}
    for m in range(1, first + 1):
        counts[m, 0] = [1]
        for n in range(1, second + 1):
            behind = [0] * n + counts[m - 1, n]
            before = counts[m, n - 1]
            counts[m, n] = [(behind[i] if i < len(behind) else 0) +
                            (before[i] if i < len(before) else 0)
                            for i in range(m * n + 1)]
    return sum(counts[first, second][:u + 1]) / math.comb(first + second, first)


def mann_whitney(a, b):
    """U of the first side, and the probability of one as far from the middle if both are the same."""
    u = _rank_sum(a, b) - len(a) * (len(a) + 1) / 2
    n = len(a) + len(b)
    largest = max(u, len(a) * len(b) - u)
    ties = [count for count in collections.Counter([*a, *b]).values() if count > 1]
    if not ties and max(len(a), len(b)) <= _MOST_EXACT:
        return u, min(1.0, 2 * _at_most(int(len(a) * len(b) - largest), len(a), len(b)))
    correction = sum(t**3 - t for t in ties) / (n * (n - 1))
    deviation = math.sqrt(len(a) * len(b) / 12 * (n + 1 - correction))
    if deviation == 0:
        return u, 1.0
    z = (largest - len(a) * len(b) / 2 - 0.5) / deviation  # 0.5: U moves in steps
    return u, min(1.0, math.erfc(z / math.sqrt(2)))


def ratio_interval(a, b, confidence=0.95, resamples=2000, seed=1):
    """median(b) / median(a), and the interval that holds it with this confidence (bootstrap).

    a[i] and b[i] were taken one after the other, and are drawn together: what made both slow
    cancels out.
    """
    if len(a) != len(b):
        raise ValueError("the sides have different numbers of samples")
    draw = random.Random(seed)
    ratios = []
    for _ in range(resamples):
        rounds = draw.choices(range(len(a)), k=len(a))
        ratios.append(statistics.median(b[i] for i in rounds) /
                      statistics.median(a[i] for i in rounds))
    ratios.sort()
    outside = round((1 - confidence) / 2 * resamples)
    return (statistics.median(b) / statistics.median(a), ratios[outside],
            ratios[resamples - 1 - outside])


def holm(probabilities):
    """The same probabilities after as many tests (Holm): the chance of any false alarm stays alpha."""
    adjusted = [0.0] * len(probabilities)
    most = 0.0
    for place, i in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        most = max(most, (len(probabilities) - place) * probabilities[i])
        adjusted[i] = min(1.0, most)
    return adjusted


@dataclasses.dataclass(frozen=True)
class Row:
    case: str
    before: float  # medians, in seconds
    after: float
    ratio: float  # after / before
    low: float
    high: float
    probability: float  # of such a difference where there is none; for all cases together
    verdict: str  # "loss", "win" or "same"


def compare(samples, threshold, alpha):
    """Rows for {case: (before, after)}. A loss is significant, and beyond the threshold."""
    probabilities = holm([mann_whitney(before, after)[1] for before, after in samples.values()])
    rows = []
    for (case, (before, after)), probability in zip(samples.items(), probabilities):
        ratio, low, high = ratio_interval(before, after)
        verdict = "same"
        if probability < alpha and ratio > 1 + threshold and low > 1:
            verdict = "loss"
        elif probability < alpha and ratio < 1 / (1 + threshold) and high < 1:
            verdict = "win"
        rows.append(Row(case, statistics.median(before), statistics.median(after), ratio, low, high,
                        probability, verdict))
    return rows
