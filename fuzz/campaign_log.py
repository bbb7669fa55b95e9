"""campaign.csv: what was fuzzed, when, for how long, and what came of it."""

import collections
import csv

COLUMNS = ("date", "commit", "target", "cpu_seconds", "executions", "exec_per_cpu_second", "edges",
           "features", "corpus_files", "peak_rss_mib", "finds")


def append(path, row):
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def summary(path):
    """A table: for each target, what it got in all, and since its last find."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    targets = collections.defaultdict(list)
    for row in rows:
        targets[row["target"]].append(row)
    lines = [f"{'target':22}{'CPU h':>8}{'executions':>14}{'edges':>8}{'finds':>7}{'last':>18}"
             f"{'CPU h since':>13}"]
    for target, own in sorted(targets.items()):
        finds = [i for i, row in enumerate(own) if int(row["finds"]) > 0]
        since = own[finds[-1] + 1:] if finds else own
        last = own[finds[-1]]["date"] if finds else "none"
        lines.append(f"{target:22}{hours(own):8.2f}{sum(int(row['executions']) for row in own):14,}"
                     f"{max(int(row['edges']) for row in own):8,}"
                     f"{sum(int(row['finds']) for row in own):7}{last:>18}{hours(since):13.2f}")
    lines.append(f"{'all':22}{hours(rows):8.2f}")
    return "\n".join(lines)


def hours(rows):
    return sum(float(row["cpu_seconds"]) for row in rows) / 3600
