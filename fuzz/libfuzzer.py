"""A fuzz target as a program: runs it, and reads what libFuzzer says of the run."""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile

# libFuzzer's exit status where it was interrupted by hand.
INTERRUPTED = 72


@dataclasses.dataclass
class Run:
    status: int
    output: str
    seconds: float
    cpu_seconds: float
    peak_rss_mib: int

    def last(self, pattern):
        """The last number that the output has where `pattern` has a group; 0 if none."""
        found = re.findall(pattern, self.output, re.MULTILINE)
        return int(found[-1]) if found else 0

    @property
    def executions(self):
        return max(self.last(r"^stat::number_of_executed_units: *(\d+)"), self.last(r"^#(\d+)\t"))

    @property
    def edges(self):
        return self.last(r"^#\d+\t.* cov: (\d+)")

    @property
    def features(self):
        return self.last(r"^#\d+\t.* ft: (\d+)")

    @property
    def corpus_files(self):
        return self.last(r"^#\d+\t.* corp: (\d+)/")

    @property
    def milestones(self):
        """What share of the inputs got how far (check.h)."""
        found = re.findall(r"^inputs: .*", self.output, re.MULTILINE)
        return found[-1] if found else ""

    @property
    def kind(self):
        """What went wrong, in the words of the sanitizer, as part of a file's name."""
        found = re.search(r"^SUMMARY: \w+: (?:\d+ byte\(s\) )?([\w-]+(?: signal)?)", self.output,
                          re.MULTILINE)
        return found[1].replace(" ", "-") if found else "failure"

    @property
    def artifact(self):
        """The input that broke something; None where nothing did."""
        found = re.findall(r"Test unit written to (.*)", self.output)
        return pathlib.Path(found[-1]) if found else None


class Fuzzer:
    """NAME_bin, and beside it NAME.options, NAME.dict and NAME_seed_corpus.zip. What breaks it is
    written to the folder `artifacts`."""

    def __init__(self, folder, name, artifacts):
        self.name = name
        self._artifacts = artifacts
        self._program = folder / f"{name}_bin"
        self._seeds = folder / f"{name}_seed_corpus.zip"
        options = (folder / f"{name}.options").read_text()
        self._flags = ["-" + re.sub(" *= *", "=", line)
                       for line in options.splitlines() if "=" in line]
        self._dictionary = folder / f"{name}.dict"

    def unpack_seeds(self, folder):
        with zipfile.ZipFile(self._seeds) as archive:
            archive.extractall(folder)
        return folder

    def fuzz(self, seconds, corpora, *flags):
        """Fuzzes until something breaks. What is new is written to the first of the corpora."""
        return self._run(f"-max_total_time={seconds}", f"-dict={self._dictionary}",
                         "-print_final_stats=1", *flags, *corpora)

    def minimise(self, artifact, seconds):
        """The smallest input found that breaks as well, as a file, and its run."""
        smaller = artifact.with_name(artifact.name + "-smaller")
        # The time that libFuzzer can be given is that of one step.
        self._run("-minimize_crash=1", f"-max_total_time={seconds}",
                  f"-exact_artifact_path={smaller}", artifact, limit=seconds)
        if not smaller.exists():
            shutil.copy(artifact, smaller)
        return smaller, self._run(smaller)

    def merge(self, into, sources, *flags):
        """Adds to the folder `into` the files of others that do what none in it does, small ones first."""
        run = self._run("-merge=1", *flags, into, *sources)
        if run.status != 0:
            raise RuntimeError(f"{self.name}: cannot merge\n" + run.output[-4000:])

    def _run(self, *arguments, limit=None):
        begin = time.monotonic()
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen([self._program, *self._flags,
                                        f"-artifact_prefix={self._artifacts}/", *arguments],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=limit is not None)
            end = threading.Timer(limit or 0, os.killpg, (process.pid, signal.SIGKILL))
            if limit is not None:
                end.start()
            _, status, usage = os.wait4(process.pid, 0)
            end.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            output = log.read().decode(errors="replace")
        return Run(process.returncode, output, time.monotonic() - begin,
                   usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def content_name(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
