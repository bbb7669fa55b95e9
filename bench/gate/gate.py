#!/usr/bin/python3
"""What each case costs, compared with the table: ./bazelw test //bench:gate

usage: gate.py check [--measured FILE]       fails on losses, and on wins that are not in the table
       gate.py record --reason WHY           writes what is measured, and why, into the table
       gate.py measure FILE                  only writes what is measured, as JSON

Counted are instructions (by callgrind), memory that is asked for, bytes that are copied, system
calls, bytes that are read and written, and memory that is advised to be in huge pages: numbers that
are the same on a busy machine. Time is for //bench:compare.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import callgrind
import gate_table

# Bazel starts programs among their data files.
HERE = pathlib.Path("bench/gate")
PROGRAMS = [HERE / "plain_cases", HERE / "torch_cases"]


def measure():
    """Of all cases: counts; system calls by name; and what they depend on."""
    def all_of(program):
        listed = subprocess.run([program, "list"], check=True, capture_output=True, text=True)
        with tempfile.TemporaryDirectory() as folder:
            return callgrind.measure(program, listed.stdout.split(), folder)

    with tempfile.TemporaryDirectory() as folder:
        made_with = callgrind.about(PROGRAMS[0], folder)
    counts, names = {}, {}
    with concurrent.futures.ThreadPoolExecutor(len(PROGRAMS)) as pool:
        for costs, called in pool.map(all_of, PROGRAMS):
            counts |= costs
            names |= called
    return counts, names, made_with


def check(table):
    counts, names, made_with = measure()
    lines = gate_table.verdict(table, counts, made_with)
    for line in lines:
        print(line)
        case = line.partition(":")[0]
        if "system_calls" in line and case in names:
            calls = ", ".join(f"{count} {name}" for name, count in sorted(names[case].items()))
            print(f"    now: {calls}")
    if any("a loss" in line for line in lines):
        print("callgrind_annotate tells where instructions go; see bench/METHOD.md")
    if lines:
        print(f"If this is meant: {gate_table.RECORD}")
        sys.exit(1)
    print(f"{len(counts)} cases cost what the table says")


def main():
    parser = argparse.ArgumentParser(prog="gate", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    commands.add_parser("record").add_argument("--reason", required=True)
    commands.add_parser("measure").add_argument("file")
    options = parser.parse_args()
    table = json.loads((HERE / "table.json").read_text())
    if options.command == "check":
        check(table)
        return
    counts, names, made_with = measure()
    if options.command == "measure":
        content = {"made_with": made_with, "cases": counts, "system_calls": names}
        pathlib.Path(options.file).write_text(json.dumps(content, indent=1) + "\n")
        return
    # `bazel run` says where the sources are.
    target = pathlib.Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "bench/gate/table.json")
    new = gate_table.recorded(table, counts, made_with, options.reason,
                              datetime.date.today().isoformat())
    if gate_table.digest(new) == gate_table.digest(table) and not gate_table.problems(table):
        sys.exit("every case costs what the table says: there is nothing to record")
    target.write_text(gate_table.as_text(new))
    print(f"{target}: {len(new['changes'][-1]['moved'])} cases moved")


if __name__ == "__main__":
    main()
