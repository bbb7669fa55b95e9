#!/usr/bin/env python3
"""The campaign, with programs that behave as libFuzzer's do."""

import contextlib
import csv
import io
import pathlib
import stat
import sys
import tempfile
import unittest
import zipfile

import campaign
import campaign_log
import libfuzzer

# The first byte of an input is the edge that it reaches; one that begins with ! breaks something.
FAKE = """#!/usr/bin/env python3
import pathlib, sys, time
flags = dict(a[1:].split("=", 1) for a in sys.argv[1:] if a.startswith("-"))
places = [pathlib.Path(a) for a in sys.argv[1:] if not a.startswith("-")]
assert flags["max_len"] == "64", flags
def broken(data, path):
    print("SUMMARY: AddressSanitizer: heap-buffer-overflow loader/x.cc:3:5 in f(int)")
    path.write_bytes(data)
    print(f"Test unit written to {path}")
    sys.exit(77)
if places[0].is_file():
    data = places[0].read_bytes()
    if "minimize_crash" in flags:
        data = data[:2]
        pathlib.Path(flags["exact_artifact_path"]).write_bytes(data)
        time.sleep(600)  # as libFuzzer does where a step may take that long
    if data.startswith(b"!"): broken(data, pathlib.Path(flags.get("exact_artifact_path", flags["artifact_prefix"] + "again")))
    sys.exit(0)
files = {place: sorted(place.iterdir(), key=lambda p: p.stat().st_size) for place in places}
seen = set()
for place in places:
    for path in files[place]:
        data = path.read_bytes()
        if "merge" not in flags and data.startswith(b"?"): sys.exit(3)
        if "merge" not in flags and data.startswith(b"!"): broken(data, pathlib.Path(flags["artifact_prefix"] + "crash-1"))
        if "merge" in flags and place != places[0] and data[:1] not in seen: (places[0] / path.name).write_bytes(data)
        seen.add(data[:1])
if "merge" not in flags:
    sum(range(10 ** 6))
    (places[0] / "found").write_bytes(b"found")
    print(f"#2\\tINITED cov: 1 ft: 1 corp: 1/2b exec/s: 0 rss: 30Mb")
    print(f"#50\\tDONE   cov: {len(seen)} ft: 9 corp: 2/3b lim: 64 exec/s: 25 rss: 31Mb")
    print("inputs: 50, past the door: 40.0 %")
    print("stat::number_of_executed_units: 50")
"""

# In the form of clang 14's libFuzzer, written by hand.
CLEAN = """\
INFO: Seed: 1
#2\tINITED cov: 812 ft: 815 corp: 1/98b exec/s: 0 rss: 34Mb
#4\tNEW    cov: 816 ft: 827 corp: 2/195b lim: 98 exec/s: 0 rss: 34Mb L: 97/98 MS: 1 Custom-
#1024\tpulse  cov: 911 ft: 1300 corp: 90/12Kb lim: 98 exec/s: 512 rss: 40Mb
#2048\tDONE   cov: 913 ft: 1311 corp: 91/12Kb lim: 98 exec/s: 512 rss: 41Mb
Done 2048 runs in 4 second(s)
stat::number_of_executed_units: 2048
stat::average_exec_per_sec:     512
stat::new_units_added:          90
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              41
inputs: 2048, past the directory: 71.2 %, past the pickle: 50.0 %
"""
ADDRESS = """\
#9\tNEW    cov: 16 ft: 17 corp: 2/5b lim: 4 exec/s: 0 rss: 30Mb L: 3/3 MS: 1 CrossOver-
==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000011
SUMMARY: AddressSanitizer: heap-buffer-overflow loader/pickle/machine.cc:91:7 in step
artifact_prefix='/tmp/a/'; Test unit written to /tmp/a/crash-0b
Base64: AAA=
stat::number_of_executed_units: 12
"""
PROPERTY = """\
property violated: showing a file twice gives the same
==7== ERROR: libFuzzer: deadly signal
SUMMARY: libFuzzer: deadly signal
artifact_prefix='/tmp/a/'; Test unit written to /tmp/a/crash-0c
"""
MEMORY = """\
==7== ERROR: libFuzzer: out-of-memory (malloc(1073741824))
SUMMARY: libFuzzer: out-of-memory
artifact_prefix='/tmp/a/'; Test unit written to /tmp/a/oom-0d
"""
UNDEFINED = "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior loader/a.cc:3:5 in \n"
LEAK = "SUMMARY: AddressSanitizer: 1048576 byte(s) leaked in 1 allocation(s).\n"
TIMEOUT = "SUMMARY: libFuzzer: timeout\n"


def run_of(output):
    return libfuzzer.Run(0, output, 4.0, 3.5, 41)


class Output(unittest.TestCase):
    def test_numbers_of_a_clean_run(self):
        run = run_of(CLEAN)
        self.assertEqual((run.executions, run.edges, run.features, run.corpus_files),
                         (2048, 913, 1311, 91))
        self.assertEqual(run.milestones,
                         "inputs: 2048, past the directory: 71.2 %, past the pickle: 50.0 %")
        self.assertIsNone(run.artifact)

    def test_numbers_of_a_run_that_broke(self):
        run = run_of(ADDRESS)
        self.assertEqual((run.executions, run.edges), (12, 16))
        self.assertEqual(run.artifact, pathlib.Path("/tmp/a/crash-0b"))

    def test_kinds(self):
        for output, kind in ((ADDRESS, "heap-buffer-overflow"), (PROPERTY, "deadly-signal"),
                             (MEMORY, "out-of-memory"), (TIMEOUT, "timeout"), (LEAK, "leaked"),
                             (UNDEFINED, "undefined-behavior"), ("nothing", "failure")):
            self.assertEqual(run_of(output).kind, kind)


class Folders(unittest.TestCase):
    """A campaign of three targets in a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.log = self.folder / "campaign.csv"
        self.data = self.folder / "data"
        self.campaign = campaign.Campaign(self.folder / "bin", self.folder / "kept",
                                          self.folder / "crashes", self.folder / "scratch")
        for target in ("zip_fuzzer", "describe_fuzzer", "tree_fuzzer"):
            self.add(target, a=b"a")

    def add(self, target, **seeds):
        folder = campaign.folder(self.folder / "bin")
        program = folder / f"{target}_bin"
        program.write_text(FAKE)
        program.chmod(stat.S_IRWXU)
        (folder / f"{target}.options").write_text("[libfuzzer]\nmax_len = 64\n")
        (folder / f"{target}.dict").write_text("")
        with zipfile.ZipFile(folder / f"{target}_seed_corpus.zip", "w") as archive:
            for name, content in seeds.items():
                archive.writestr(name, content)

    def set(self, name, value):
        self.addCleanup(setattr, campaign, name, getattr(campaign, name))
        setattr(campaign, name, value)

    def found_earlier(self, target, **inputs):
        for name, content in inputs.items():
            (campaign.folder(self.folder / "kept" / target) / name).write_bytes(content)

    def fuzz(self, *targets):
        """Whether all was well, what was printed, and the log's lines by target."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            good = campaign.fuzz_all(self.campaign, targets, 1, 2, self.log)
        with self.log.open() as file:
            return good, printed.getvalue(), {row["target"]: row for row in csv.DictReader(file)}

    def test_a_clean_campaign(self):
        self.found_earlier("zip_fuzzer", z=b"z", y=b"y")
        self.found_earlier("tree_fuzzer", t=b"t")
        good, printed, rows = self.fuzz("describe_fuzzer", "tree_fuzzer")
        self.assertTrue(good, printed)
        row = rows["describe_fuzzer"]
        # Its seed and the two of a target with inputs of the same form.
        self.assertEqual((row["executions"], row["edges"], row["features"]), ("50", "3", "9"))
        self.assertEqual((row["corpus_files"], row["finds"]), ("2", "0"))
        self.assertGreater(float(row["cpu_seconds"]), 0)
        self.assertGreater(int(row["peak_rss_mib"]), 1)
        self.assertEqual(rows["tree_fuzzer"]["edges"], "2")
        self.assertIn("past the door: 40.0 %", printed)
        self.assertTrue((self.folder / "kept/describe_fuzzer/found").exists())

    def test_a_find_is_minimised_and_named_and_the_others_go_on(self):
        self.set("MINIMISE_SECONDS", 1)
        self.add("describe_fuzzer", bad=b"!" + bytes(40))
        good, printed, rows = self.fuzz("describe_fuzzer", "tree_fuzzer", "zip_fuzzer")
        self.assertFalse(good)
        self.assertEqual({name: row["finds"] for name, row in rows.items()},
                         {"describe_fuzzer": "1", "tree_fuzzer": "0", "zip_fuzzer": "0"})
        (find,) = (self.folder / "crashes").iterdir()
        self.assertEqual(find.read_bytes(), b"!\0")
        self.assertRegex(find.name, r"^describe_fuzzer-heap-buffer-overflow-[0-9a-f]{16}$")
        self.assertIn(f"--keep {find} describe_fuzzer", printed)
        with contextlib.redirect_stdout(io.StringIO()):
            campaign.keep(find, "describe_fuzzer", "too_short", self.data)
        self.assertEqual((self.data / "describe/too_short").read_bytes(), b"!\0")
        with self.assertRaises(SystemExit):
            campaign.keep(find, "describe_fuzzer", "too_short", self.data)

    def test_a_target_that_cannot_run(self):
        self.add("describe_fuzzer", bad=b"?")
        good, printed, rows = self.fuzz("describe_fuzzer", "zip_fuzzer")
        self.assertFalse(good)
        self.assertIn("describe_fuzzer: cannot fuzz", printed)
        self.assertEqual(list(rows), ["zip_fuzzer"])

    def test_minimise(self):
        self.found_earlier("zip_fuzzer", a=b"along", b=b"b2", c=b"b", d=b"c" + bytes(99), e=b"d")
        self.set("CORPUS_BYTES", 50)
        added = self.campaign.minimise("zip_fuzzer", self.data)
        self.assertEqual(sorted(path.read_bytes()[:1] for path in
                                (self.folder / "kept/zip_fuzzer").iterdir()),
                         [b"a", b"b", b"c", b"d"])
        # a is a seed's, and c is too large.
        self.assertEqual([path.read_bytes() for path in added], [b"b", b"d"])
        self.assertEqual(set(added), set((self.data / "zip").iterdir()))

    def test_summary(self):
        for target, seconds, finds in (("a", 3600, 1), ("a", 7200, 0), ("b", 1800, 0)):
            campaign_log.append(self.log, dict.fromkeys(campaign_log.COLUMNS, 1) | {
                "date": "2026-11-29", "target": target, "cpu_seconds": seconds, "finds": finds})
        lines = campaign_log.summary(self.log).splitlines()
        self.assertEqual(lines[1].split(), ["a", "3.00", "2", "1", "1", "2026-11-29", "2.00"])
        self.assertEqual(lines[2].split(), ["b", "0.50", "1", "1", "0", "none", "0.50"])
        self.assertEqual(lines[3].split(), ["all", "3.50"])


class Words(unittest.TestCase):
    def test_times(self):
        self.assertEqual([campaign.seconds(text) for text in ("600", "5s", "10m", "2h")],
                         [600, 5, 600, 7200])
        for text in ("", "m", "1d", "-5"):
            with self.assertRaises(ValueError):
                campaign.seconds(text)

    def test_related_targets_exist(self):
        self.assertLessEqual(set().union(*campaign.RELATED), set(campaign.all_targets()))


if __name__ == "__main__":
    unittest.main()
