"""Turns results in Google Benchmark's JSON format into a table and a page with charts."""

import collections
import dataclasses
import html
import io
import json
import math
import statistics

import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

OURS = "#0b6e4f"
OTHERS = "#c8553d"
CEILING = "#9aa5b1"


@dataclasses.dataclass
class Row:
    """One contender on one file: QUESTION/SUBJECT/CONTENDER."""
    question: str
    subject: str
    contender: str
    times: list  # milliseconds, one a sample; empty where there is none
    bytes: float = 0  # of tensor data that a sample moves
    note: str = ""

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def is_ceiling(self):
        return self.contender.startswith("ceiling")


@dataclasses.dataclass
class Run:
    context: dict
    rows: list

    def groups(self):
        """(question, subject) -> its rows, in order."""
        groups = collections.defaultdict(list)
        for row in self.rows:
            groups[row.question, row.subject].append(row)
        return groups


def read(path):
    with open(path) as file:
        data = json.load(file)
    rows = {}
    for entry in data["benchmarks"]:
        if entry["run_type"] != "iteration":
            continue
        name = entry["run_name"].partition("/iterations:")[0]
        row = rows.setdefault(name, Row(*name.split("/", 2), times=[]))
        if entry.get("error_occurred"):
            row.note = entry["error_message"]
        else:
            row.times.append(entry["real_time"])
            row.bytes = entry.get("bytes_per_second", 0) * entry["real_time"] / 1e3
    return Run(data["context"], sorted(rows.values(), key=place))


def place(row):
    """Where a row stands: questions and contenders in a fixed order, subjects by size."""
    questions = ["load", "map_location", "large model", "open"]
    kind = 0 if row.contender.startswith("hardload") else 2 if row.is_ceiling else 1
    return (questions.index(row.question) if row.question in questions else len(questions),
            number_in(row.subject), row.subject, kind, row.contender)


def number_in(subject):
    """Sorts "300 tensors" before "3000 tensors", and names before numbers."""
    first = subject.split()[0]
    return int(first) if first.isdigit() else -1


def gigabytes(row):
    """GB/s of the median sample; None where no data is moved."""
    moves = row.times and row.bytes and row.subject != '"meta"'
    return row.bytes / row.median / 1e6 if moves else None


def ceiling(group, name):
    for row in group:
        if row.contender == "ceiling: " + name and row.times:
            return row.median
    return None


HEAD = ("", "median ms", "min ms", "GB/s", "x pread", "x memcpy")


def cells(row, group):
    """The columns after the name, as text; a note alone where there is nothing to show."""
    if not row.times:
        return [row.note]
    speed = gigabytes(row)
    shares = [ceiling(group, name) for name in ("pread", "memcpy")]
    return ([f"{row.median:.2f}", f"{min(row.times):.2f}", f"{speed:.2f}" if speed else ""] +
            [f"{limit / row.median:.2f}" if limit else "" for limit in shares])


def fitted_exponent(run):
    """How the time to open a file grows with the number of tensors: the slope of the log-log fit
    through the fastest samples; None with fewer than three sizes."""
    points = [(math.log(number_in(row.subject)), math.log(min(row.times)))
              for row in run.rows if row.question == "open" and row.times]
    if len(points) < 3:
        return None
    mean_x = statistics.mean(x for x, _ in points)
    mean_y = statistics.mean(y for _, y in points)
    return (sum((x - mean_x) * (y - mean_y) for x, y in points) /
            sum((x - mean_x) ** 2 for x, _ in points))


def as_text(run):
    width = max([len(row.contender) for row in run.rows] + [20]) + 2
    lines = [""]
    for (question, subject), group in run.groups().items():
        lines.append(f"{question}: {subject}".ljust(width + 2) +
                     "".join(title.rjust(11) for title in HEAD[1:]))
        for row in group:
            text = cells(row, group)
            shown = "".join(cell.rjust(11) for cell in text) if row.times else "  " + text[0]
            lines.append("  " + row.contender.ljust(width) + shown)
    exponent = fitted_exponent(run)
    if exponent is not None:
        lines.append(f"open grows with the number of tensors to the power of {exponent:.2f}")
    lines.append("x pread, x memcpy: speed as a share of moving the same bytes by nothing else, in "
                 "this run.\nmapped: pages are looked at where they lie, neither copied nor verified.")
    return "\n".join(lines) + "\n"


def svg(figure):
    """The figure as an <svg> element."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    pyplot.close(figure)
    text = out.getvalue()
    return text[text.index("<svg"):]


def bars(title, group):
    rows = [row for row in group if gigabytes(row)][::-1]
    figure, axes = pyplot.subplots(figsize=(7, 0.45 * len(rows) + 0.9))
    colour = [CEILING if row.is_ceiling else OURS if row.contender.startswith("hardload") else OTHERS
              for row in rows]
    speeds = [gigabytes(row) for row in rows]
    axes.barh([row.contender for row in rows], speeds, color=colour)
    for y, speed in enumerate(speeds):
        axes.text(speed, y, f" {speed:.1f}", va="center")
    axes.set_xlabel("GB/s, median")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return svg(figure)


def open_chart(run):
    rows = [row for row in run.rows if row.question == "open" and row.times]
    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    sizes = [number_in(row.subject) for row in rows]
    axes.loglog(sizes, [min(row.times) for row in rows], "o-", color=OURS)
    axes.set_xlabel("tensors")
    axes.set_ylabel("ms to open, fastest")
    exponent = fitted_exponent(run)
    axes.set_title("open" + (f": time grows as tensors^{exponent:.2f}" if exponent else ""),
                   loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return svg(figure)


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; } td, th { padding: .15em .8em; text-align: right; }
td:first-child, th:first-child, td[colspan] { text-align: left; }
tr.head th { border-bottom: 1px solid #999; padding-top: 1.2em; } td[colspan] { color: #777; }
svg { max-width: 100%; height: auto; }
"""


def as_html(run):
    context = run.context
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>hardload: benchmarks</title>",
        f"<style>{STYLE}</style><h1>hardload: benchmarks</h1>",
        f"<p>{context['num_cpus']} CPUs of {context['mhz_per_cpu']} MHz, {context['date']}, "
        f"hardload {html.escape(context.get('hardload', '?'))}. Times are of a warm page cache, "
        "each sample in primed memory; contenders take turns. The ceilings move the same bytes and "
        "do nothing else; x pread and x memcpy are speeds as a share of theirs. Mapped: pages are "
        "looked at where they lie, neither copied nor verified. GB = 10<sup>9</sup> bytes.</p><table>",
    ]
    for (question, subject), group in run.groups().items():
        titles = [f"{question}: {subject}", *HEAD[1:]]
        parts.append("<tr class=head>" + "".join(f"<th>{html.escape(t)}</th>" for t in titles))
        for row in group:
            text = cells(row, group)
            span = "" if row.times else " colspan=5"
            parts.append(f"<tr><td>{html.escape(row.contender)}</td>" +
                         "".join(f"<td{span}>{html.escape(cell)}</td>" for cell in text))
    parts.append("</table><h2>Charts</h2>")
    for (question, subject), group in run.groups().items():
        if any(gigabytes(row) for row in group):
            parts.append(bars(f"{question}: {subject}", group))
    if any(row.question == "open" and row.times for row in run.rows):
        parts.append(open_chart(run))
    return "\n".join(parts) + "\n"
