#!/usr/bin/python3
"""The include graph of loader/: which room includes which, and that the corridor is one.

usage: tools/include_graph.py [PICTURE.svg]     prints a table; draws the picture where one is named
       tools/include_graph.py --check HACKING.md   fails where the table there is not today's

Fails where a room includes a room to its right, or LibTorch is included left of torch/.
"""

import collections
import pathlib
import re
import sys

# From left to right. The command line looks in from the side: it may use what describes a file.
CORRIDOR = ["base", "bytes", "container", "pickle", "manifest", "match", "place", "transfer", "torch"]
ASIDE = {"cli": "manifest"}
LIBTORCH = re.compile(r"^(ATen|c10|torch|caffe2)/")
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)


def includes(root):
    """(room, room or "LibTorch") -> number of includes, those within a room left out."""
    counts = collections.Counter()
    for path in sorted([*root.glob("loader/*/*.h"), *root.glob("loader/*/*.cc")]):
        room = path.parent.name
        for name in INCLUDE.findall(path.read_text()):
            parts = name.split("/")
            if parts[0] == "loader" and parts[1] != room:
                counts[room, parts[1]] += 1
            elif LIBTORCH.match(name):
                counts[room, "LibTorch"] += 1
    return counts


def violations(counts):
    found = []
    for (room, other), count in sorted(counts.items()):
        last = ASIDE.get(room)
        reach = CORRIDOR.index(last) + 1 if last else CORRIDOR.index(room)
        if other == "LibTorch":
            if room != "torch":
                found.append(f"{room} includes LibTorch ({count})")
        elif other not in CORRIDOR[:reach]:
            found.append(f"{room} includes {other} ({count}), which is to its right")
    return found


def table(counts):
    """Who includes (down) whom (across)."""
    columns = [*CORRIDOR, "LibTorch"]
    lines = [" " * 10 + "".join(column.rjust(10) for column in columns)]
    for room in [*CORRIDOR, *ASIDE]:
        cells = ("-" if room == column else "x" * ((room, column) in counts) for column in columns)
        lines.append((room.ljust(10) + "".join(cell.rjust(10) for cell in cells)).rstrip())
    return "\n".join(lines) + "\n"


def draw(counts, path):
    """The rooms in a row; an arc for each pair, above for includes to the left, red below else."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import patches, pyplot
    names = [*CORRIDOR, *ASIDE, "LibTorch"]
    place = {name: x for x, name in enumerate(names)}
    figure, axes = pyplot.subplots(figsize=(13, 6))
    for name, x in place.items():
        colour = "#c8553d" if name == "LibTorch" else "#0b6e4f"
        axes.text(x, 0, name, ha="center", va="center", color="white",
                  bbox={"boxstyle": "round", "facecolor": colour, "edgecolor": "none"})
    for (room, other), count in counts.items():
        start, end = place[room], place[other]
        fine = end < start or (room, other) == ("torch", "LibTorch")
        axes.add_patch(patches.FancyArrowPatch(
            (start, 0.12 if fine else -0.12), (end, 0.12 if fine else -0.12),
            connectionstyle=f"arc3,rad={0.5 if end < start else -0.5}", arrowstyle="->",
            mutation_scale=12, color="#55606e" if fine else "red",
            linewidth=0.6 + count / 12))
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.set_ylim(-1, 3.6)
    axes.axis("off")
    axes.set_title("includes in loader/: every arrow runs to the left, LibTorch is behind torch/")
    figure.savefig(path, bbox_inches="tight")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    check = len(sys.argv) > 2 and sys.argv[1] == "--check"
    if check:
        root = pathlib.Path.cwd()
    counts = includes(root)
    if not counts:
        sys.exit(f"no sources under {root}/loader")
    text = table(counts)
    if check:
        shown = pathlib.Path(sys.argv[2]).read_text()
        if text not in shown:
            sys.exit(f"{sys.argv[2]} shows another include graph than today's:\n{text}")
    else:
        print(text, end="")
        if len(sys.argv) > 1:
            draw(counts, sys.argv[1])
    found = violations(counts)
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
