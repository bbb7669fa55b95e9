"""What the comparisons share: seeds in batches, what was seen, and the report."""

import collections
import os
import pathlib
import sys
import tempfile

BATCH = 250


class Comparison:
    """One run. `compare_batch(seeds, folder)` is the subclass's."""

    THINGS = "cases"
    COUNT = 2000
    WANTED = []  # what has to have been seen

    def __init__(self):
        self.seen = collections.Counter()
        self.faults = 0

    def fault(self, seed, what, *details):
        self.faults += 1
        print(f"seed {seed}: {what}", *[str(d)[:1500] for d in details], sep="\n    ")

    def run(self):
        """Of as many seeds as the command line says, from the one that it says."""
        count = int(sys.argv[1]) if len(sys.argv) > 1 else self.COUNT
        first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
        for start in range(first, first + count, BATCH):
            with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
                self.compare_batch(range(start, min(start + BATCH, first + count)),
                                   pathlib.Path(folder))
        for name, number in sorted(self.seen.items()):
            print(f"{number:7}  {name}")
        absent = [name for name in self.WANTED if self.seen[name] == 0] if count > 1 else []
        if absent:
            print("never occurred:", ", ".join(absent))
        print(f"{count} {self.THINGS}, {self.faults} differences")
        sys.exit(1 if self.faults or absent else 0)
