#!/usr/bin/python3
"""Whether one revision is slower than another: ./bazelw run //bench:compare -- REV_A REV_B

Builds both ("." is what lies in the working tree), runs every case of both, each sample a process of
its own in memory that was just used (bench/machine.h), in turns, and prints the ratio of the medians
with its confidence interval and the probability of such a difference by chance (U test of Mann and
Whitney, corrected for the number of cases). Exits with 1 where a case of REV_B is significantly
slower by more than the threshold, 2 where something else is wrong.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import history
import revisions
import significance

MIB = 1 << 20
LEAST_ROUNDS = 9  # below, hardly any difference is significant


@dataclasses.dataclass(frozen=True)
class Load:
    """fresh_load: from the call of load to the last byte, in a new process."""
    case: str
    file: str
    primed: int

    def seconds(self, programs, folder, environment):
        done = run([programs / "fresh_load", self.case, folder / self.file, str(self.primed)],
                   environment)
        return json.loads(done)["seconds"]


@dataclasses.dataclass(frozen=True)
class LoadStateDict:
    """flat_load: load_state_dict of modules side by side, the best of some calls in one process."""
    file: str
    children: int

    def seconds(self, programs, folder, environment):
        done = run([programs / "flat_load", folder / self.file, str(self.children), "15"],
                   environment)
        return min(map(float, done.split()))


CASES = {
    "load": Load("load", "large.pt", 512 * MIB),
    "load, no CRC": Load("load-no-crc", "large.pt", 512 * MIB),
    "load_into": Load("into-untouched", "large.pt", 512 * MIB),
    "in place, warm": Load("warm-in-place", "large.pt", 512 * MIB),
    "load of small tensors": Load("load", "small.pt", 256 * MIB),
    "names of small tensors": Load("list", "small.pt", 256 * MIB),
    "load_state_dict": LoadStateDict("flat.pt", 2000),
}


def run(command, environment):
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


def write_files(programs, folder, environment):
    for name, size, tensors in (("large.pt", 128 * MIB, 32), ("small.pt", 20_000 * 16, 20_000)):
        run([programs / "fresh_load", "write", folder / name, str(size), str(tensors)], environment)
    write_flat(folder / "flat.pt", CASES["load_state_dict"].children)


def write_flat(path, children):
    """A state dict with the keys "0.weight", "1.weight", ..., each a tensor of four floats."""
    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    pickle = b"\x80\x02}("
    for i in range(children):
        pickle += (text(f"{i}.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                   b"ctorch\nFloatStorage\n" + text(str(i)) + text("cpu") +
                   b"K\x04tQK\x00(K\x04t(K\x01t\x89ccollections\nOrderedDict\n)RtR")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flat/data.pkl", pickle + b"u.")
        archive.writestr("flat/byteorder", "little")
        for i in range(children):
            archive.writestr(f"flat/data/{i}", struct.pack("<4f", i, 0, 0, 0))
        archive.writestr("flat/version", "3\n")


def take_samples(before, after, cases, rounds, folder):
    """{case: (seconds of one side, of the other)}; in each round the sides take turns, and which of
    them begins changes from round to round."""
    sides = [(before, revisions.environment(before)), (after, revisions.environment(after))]
    write_files(before, folder, sides[0][1])
    samples = {case: ([], []) for case in cases}
    for number in range(rounds):
        print(f"\rround {number + 1} of {rounds} ", end="", file=sys.stderr)
        for case in cases:
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                programs, environment = sides[side]
                samples[case][side].append(CASES[case].seconds(programs, folder, environment))
    print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    return samples


def show(rows):
    print(f"{'':24}{'before':>10}{'after':>10}{'ratio':>8}   95 % interval      p")
    for row in rows:
        note = "" if row.verdict == "same" else "  " + row.verdict
        print(f"{row.case:24}{row.before * 1e3:7.2f} ms{row.after * 1e3:7.2f} ms{row.ratio:8.3f}   "
              f"{row.low:.3f} to {row.high:.3f}   {row.probability:.4f}{note}")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.partition("\n")[0])
    parser.add_argument("before", metavar="REV_A")
    parser.add_argument("after", metavar="REV_B")
    parser.add_argument("--rounds", type=int, default=15, help="samples a side (%(default)s)")
    parser.add_argument("--threshold", type=float, default=0.03,
                        help="a loss up to this part is none (%(default)s)")
    parser.add_argument("--alpha", type=float, default=0.01,
                        help="the probability of a false alarm, of all cases together (%(default)s)")
    parser.add_argument("--case", action="append", choices=CASES, help="only this; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--history", metavar="FILE",
                        help="append a row of REV_B's medians (history.py); all cases")
    parser.add_argument("--cache", default=pathlib.Path.home() / ".cache/hardload-compare",
                        help="where revisions are built (%(default)s)")
    options = parser.parse_args(arguments)
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds: at least {LEAST_ROUNDS}")
    if options.history and options.case:
        parser.error("--history needs all cases")
    return options


def main():
    options = parse(sys.argv[1:])
    # `bazel run` says where the sources are, and where the user is.
    user = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    built = revisions.Programs(os.environ["BUILD_WORKSPACE_DIRECTORY"], options.cache)
    before, after = built.of(options.before), built.of(options.after)
    with tempfile.TemporaryDirectory() as folder:
        samples = take_samples(before, after, options.case or list(CASES), options.rounds,
                               pathlib.Path(folder))
    rows = significance.compare(samples, options.threshold, options.alpha)
    show(rows)
    if options.json:
        content = {"options": {"rounds": options.rounds, "threshold": options.threshold,
                               "alpha": options.alpha},
                   "rows": [dataclasses.asdict(row) for row in rows], "samples": samples}
        (user / options.json).write_text(json.dumps(content, indent=1) + "\n")
    if options.history:
        name = built.commit("HEAD") + "+" if options.after == "." else built.commit(options.after)
        history.append(user / options.history, name, {row.case: row.after for row in rows})
    losses = [row.case for row in rows if row.verdict == "loss"]
    if losses:
        print(f"slower by more than {options.threshold:.0%}: {', '.join(losses)}")
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"compare: {error}", file=sys.stderr)
        sys.exit(2)
