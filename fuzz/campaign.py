#!/usr/bin/env python3
"""Fuzzes all targets, with AddressSanitizer and UndefinedBehaviorSanitizer, and keeps the books.

  ./bazelw run //fuzz:campaign -- --time 10m                          all targets, on all cores
  ./bazelw run //fuzz:campaign -- --time 600 --target pickle_fuzzer   one
  ./bazelw run //fuzz:campaign -- --keep FILE TARGET NAME             makes a find a test
  ./bazelw run //fuzz:campaign -- --minimise                          the corpora
  ./bazelw run //fuzz:campaign -- --mutators 5m                       coverage with and without ours
  ./bazelw run //fuzz:campaign -- --summary                           of the log

A target starts from its seeds, from what it found earlier, which is kept in $HARDLOAD_CORPUS
(default: ~/.cache/hardload/corpus), and from what targets with inputs of the same form found. It runs
for the given time, or until it finds something: that is minimised, named by target, kind and
content, and written to fuzz-crashes/; the other targets go on. Each run becomes a line of
fuzz/campaign.csv. The exit status is 1 where something was found.
"""

import argparse
import concurrent.futures
import datetime
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import campaign_log
import libfuzzer

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Targets whose inputs have the same form: what one of them found is a seed of the others.
RELATED = (
    {"convert_fuzzer", "describe_fuzzer", "diff_fuzzer", "save_fuzzer", "script_fuzzer",
     "transfer_fuzzer", "zip_fuzzer"},
    {"convert_fuzzer", "safetensors_fuzzer"},
)
MINIMISE_SECONDS = 60
# Of what --minimise adds to one folder of data/corpus/.
CORPUS_BYTES = 128 << 10


class Campaign:
    """What its runs have in common: where programs, corpora and finds lie."""

    def __init__(self, programs, kept, crashes, scratch):
        self.programs, self.kept, self.crashes, self.scratch = programs, kept, crashes, scratch

    def fuzzer(self, target):
        return libfuzzer.Fuzzer(self.programs, target, folder(self.scratch / "artifacts" / target))

    def corpora(self, target):
        """The target's own, to which it adds; its seeds; those of related targets."""
        own = folder(self.kept / target)
        related = set().union(*(group for group in RELATED if target in group)) - {target}
        return [own, self.seeds(target), *(self.kept / name for name in sorted(related)
                                           if (self.kept / name).is_dir())]

    def seeds(self, target):
        return self.fuzzer(target).unpack_seeds(folder(self.scratch / "seeds" / target))

    def fuzz(self, target, seconds):
        """The run, and the find: None, or a file."""
        run = self.fuzzer(target).fuzz(seconds, self.corpora(target))
        if run.status in (0, libfuzzer.INTERRUPTED):
            return run, None
        if run.artifact is None:
            raise RuntimeError(f"{target}: cannot fuzz\n" + run.output[-4000:])
        return run, self._name(target, run)

    def _name(self, target, run):
        kind, find = run.kind, run.artifact
        # libFuzzer minimises what ends at once.
        if kind not in ("timeout", "out-of-memory"):
            smaller, again = self.fuzzer(target).minimise(find, MINIMISE_SECONDS)
            kind, find = (again.kind, smaller) if again.status else ("flaky-" + kind, find)
        name = f"{target}-{kind}-{libfuzzer.content_name(find)}"
        return pathlib.Path(shutil.copy(find, folder(self.crashes) / name))

    def minimise(self, target, data):
        """Keeps of the target's corpus what it needs for its coverage. Adds to its folder in
        data/corpus/ the inputs that reach what no seed reaches; returns these."""
        fuzzer, own = self.fuzzer(target), folder(self.kept / target)
        smaller = folder(self.scratch / "smaller" / target)
        fuzzer.merge(smaller, [own])
        shutil.rmtree(own)
        shutil.copytree(smaller, own)
        seeds = self.seeds(target)
        before = set(seeds.iterdir())
        # By edges alone, not by how often each is passed.
        fuzzer.merge(seeds, [own], "-use_counters=0")
        added, room = [], CORPUS_BYTES
        for path in sorted(set(seeds.iterdir()) - before,
                           key=lambda path: (path.stat().st_size, path.read_bytes())):
            room -= path.stat().st_size
            if room < 0:
                break
            added.append(folder(data / stem(target)) / libfuzzer.content_name(path))
            shutil.copyfile(path, added[-1])
        return added


def folder(path):
    path.mkdir(parents=True, exist_ok=True)
    return path


def stem(target):
    return target.removesuffix("_fuzzer")


def all_targets():
    return sorted(path.stem for path in (ROOT / "fuzz").glob("*_fuzzer.cc"))


def has_mutator(target):
    return "LLVMFuzzerCustomMutator" in (ROOT / "fuzz" / f"{target}.cc").read_text()


def build(targets, config="fuzz"):
    labels = [f"//fuzz:{target}_{part}" for target in targets
              for part in ("bin", "dict", "options", "seed_corpus")]
    subprocess.run(["./bazelw", "build", f"--config={config}", "--show_result=0",
                    "--symlink_prefix=bazel-fuzz-", *labels], cwd=ROOT, check=True)
    return ROOT / "bazel-fuzz-bin" / "fuzz"


def commit():
    """The commit, and a + where the code differs from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True)
    same = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ".", ":!fuzz/campaign.csv"])
    return name.stdout.strip() + ("+" if same.returncode else "")


def row(built, target, run, finds):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    return {"date": now, "commit": built, "target": target,
            "cpu_seconds": f"{run.cpu_seconds:.2f}", "executions": run.executions,
            "exec_per_cpu_second": round(run.executions / max(run.cpu_seconds, 0.1)),
            "edges": run.edges, "features": run.features, "corpus_files": run.corpus_files,
            "peak_rss_mib": run.peak_rss_mib, "finds": finds}


def each(jobs, function, targets):
    """Pairs of a target and how to get what function(target) gave, as they end, `jobs` at a time."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(function, target): target for target in targets}
        try:
            for future in concurrent.futures.as_completed(running):
                yield running[future], future.result
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def fuzz_all(campaign, targets, seconds, jobs, log):
    """Whether nothing was found, and all could run."""
    good, built = True, commit()
    for target, outcome in each(jobs, lambda name: campaign.fuzz(name, seconds), targets):
        try:
            run, find = outcome()
        except RuntimeError as error:
            good = False
            print(error, flush=True)
            continue
        line = row(built, target, run, int(find is not None))
        campaign_log.append(log, line)
        said = (f"{line['executions']:,} executions in {run.cpu_seconds:.0f} s of CPU time, "
                f"{run.edges:,} edges, {run.peak_rss_mib} MiB; {run.milestones}")
        if find is None:
            print(f"{target}: clean after {said}", flush=True)
            continue
        good = False
        print(run.output[-6000:])
        print(f"{target}: FOUND SOMETHING after {said}\n  {find}\nIn the commit that fixes it:\n"
              f"  ./bazelw run //fuzz:campaign -- --keep {find} {target} SPEAKING_NAME", flush=True)
    return good


def compare_mutators(campaign, targets, seconds, jobs):
    """A table of what each target reaches from its seeds, with our mutators and with libFuzzer's."""
    edges = {target: [] for target in targets}
    for config in ("fuzz", "fuzz_bytes"):
        build(targets, config)
        def fuzz(target):
            empty = folder(campaign.scratch / config / target)
            return campaign.fuzzer(target).fuzz(seconds, [empty, campaign.seeds(target)], "-seed=1")
        for target, run in each(jobs, fuzz, targets):
            edges[target].append(run())
    print("| target | edges, ours | edges, libFuzzer's | features, ours | features, libFuzzer's |\n"
          "|---|---|---|---|---|")
    for target, (ours, theirs) in edges.items():
        print(f"| {target} | {ours.edges:,} | {theirs.edges:,} | {ours.features:,} |"
              f" {theirs.features:,} |")


def keep(file, target, name, data):
    """Makes the file a case of the target's test."""
    place = folder(data / stem(target)) / name
    if place.exists():
        sys.exit(f"campaign: {place} exists")
    shutil.copyfile(file, place)
    print(f"{place}\nIs run by: ./bazelw test //fuzz:{target}")


def seconds(text):
    if not re.fullmatch(r"\d+[smh]?", text):
        raise ValueError(text)
    return int(text.rstrip("smh")) * {"m": 60, "h": 3600}.get(text[-1], 1)


def main():
    targets = all_targets()
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--time", type=seconds, help="per target, as 600, 10m or 2h")
    what.add_argument("--keep", nargs=3, metavar=("FILE", "TARGET", "NAME"))
    what.add_argument("--minimise", action="store_true")
    what.add_argument("--mutators", type=seconds, metavar="TIME")
    what.add_argument("--summary", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--target", nargs="+", choices=targets, default=targets, metavar="TARGET")
    parser.add_argument("--log", type=pathlib.Path, default=ROOT / "fuzz" / "campaign.csv")
    options = parser.parse_args()
    # Where the user was, not where Bazel starts programs.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    data = ROOT / "data" / "corpus"
    if options.summary:
        print(campaign_log.summary(options.log))
        return 0
    if options.keep:
        file, target, name = options.keep
        if target not in targets:
            parser.error(f"no such target: {target}")
        keep(file, target, name, data)
        return 0
    kept = pathlib.Path(os.environ.get("HARDLOAD_CORPUS", "~/.cache/hardload/corpus")).expanduser()
    with tempfile.TemporaryDirectory() as scratch:
        campaign = Campaign(build(options.target), kept, ROOT / "fuzz-crashes",
                            pathlib.Path(scratch))
        if options.mutators:
            compare_mutators(campaign, [name for name in options.target if has_mutator(name)],
                             options.mutators, options.jobs)
        elif options.minimise:
            for target, added in each(options.jobs, lambda name: campaign.minimise(name, data),
                                      options.target):
                print(f"{target}: {len(added())} inputs added to data/corpus/{stem(target)}",
                      flush=True)
        elif not fuzz_all(campaign, options.target, options.time, options.jobs, options.log):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
