#!/usr/bin/python3
"""Peers that crash, hang, lie and refuse get their class; the report shows hostile names as text."""

import collections
import html.parser
import json
import os
import pathlib
import re
import sys
import tempfile
import types
import unittest
import unittest.mock

import malformed
import malformed_cells as cells
import malformed_files
import malformed_report as report

DATA = pathlib.Path("data")

# A loader in which the first byte of the file decides what happens; the second line is the tensor.
FAKE = """
import json, os, time
TITLE, VERSION, FORMATS = "fake", "1", ["zip"]
def load(path):
    what, _, rest = open(path, errors="replace").read().partition("\\n")
    if what == "refuse": raise ValueError("I do not like it")
    if what == "abort": os.abort()
    if what == "quit": os._exit(7)
    if what == "hang": time.sleep(60)
    if what == "eat": bytearray(1 << 40)
    if what == "reach": os.fork()
    return rest
def tensors(value):
    if value == "broken": raise IndexError("out of range")
    yield "w", "float32", [4], value.encode()
"""
PROGRAM = """
import pathlib
TITLE, VERSION, FORMATS = "program", "1", ["zip"]
def command(path):
    return [pathlib.Path(__file__).with_name("program"), path]
"""
# A program: text for an answer is its input.
SCRIPT = """#!/bin/sh
read -r what < "$1"
case "$what" in
refuse) echo "I do not like it" >&2; exit 1;;
abort) kill -ABRT $$;;
eat) echo "terminate called after throwing an instance of 'std::bad_alloc'" >&2; kill -ABRT $$;;
quit) exit 7;;
esac
echo '{"tensors": [{"name": "w", "dtype": "float32", "shape": [4], "sha256": "'$what'"}]}'
"""
RIGHT = {"w": {"dtype": "float32", "shape": [4], "sha256":
               "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}  # of "test"


def options(**more):
    return types.SimpleNamespace(**{"python": sys.executable, "memory": 0.25, "seconds": 2,
                                    "jobs": 2} | more)


class Fakes(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        controls = [self.file(f"control{i}", "fine\ntest", tensors=RIGHT) for i in range(5)]
        self.controls = {file.name: file for file in controls}
        known = unittest.mock.patch.dict(malformed_files.CONTROLS, zip=list(self.controls))
        known.start()
        self.addCleanup(known.stop)

    def file(self, name, content, **more):
        path = self.folder / name
        path.write_text(content)
        fields = {"group": "golden", "about": "", "format": "zip", "is_hostile": False} | more
        return malformed_files.File(path, name, **fields)

    def adapter(self, text, name="fake"):
        path = self.folder / (name + ".py")
        path.write_text(text)
        return path

    def classes(self, adapter, files):
        result = malformed.run([adapter], [*self.controls.values(), *files], files, options())
        self.result = result
        return {name: made for name, (made, _) in result["cells"][adapter.stem].items()}

    def hostile(self, name, content, row="P01"):
        return self.file(name, content, is_hostile=True, row=row, group=row[0])

    def test_classes(self):
        files = [self.hostile(what, what) for what in ("refuse", "abort", "quit", "hang", "eat")]
        files += [self.hostile("take", "take\nother"), self.hostile("other", "take\nother", "Z01"),
                  self.hostile("no values", "take\nbroken"),
                  self.file("fine", "fine\ntest", tensors=RIGHT),
                  self.file("changed", "fine\nTest", tensors=RIGHT),
                  self.file("unreadable", "fine\nbroken", tensors=RIGHT)]
        self.assertEqual(self.classes(self.adapter(FAKE), files), {
            "refuse": cells.REFUSED, "abort": cells.CRASHED, "quit": cells.CRASHED,
            "hang": cells.HUNG, "eat": cells.MEMORY, "take": cells.ACCEPTED, "other": cells.WRONG,
            "no values": cells.ACCEPTED, "fine": cells.ACCEPTED, "changed": cells.WRONG,
            "unreadable": cells.REFUSED})
        words = {name: text for name, (_, text) in self.result["cells"]["fake"].items()}
        self.assertEqual(words["refuse"], "ValueError: I do not like it")
        self.assertEqual(words["abort"], "SIGABRT")
        self.assertEqual(words["quit"], "status 7")
        self.assertEqual(words["no values"], "loads; then IndexError: out of range")
        self.assertEqual(report.counts(self.result, "fake")[cells.REFUSED], 1)
        self.assertEqual(report.benign(self.result, "fake"), (3, 2))

    @unittest.skipUnless(os.uname().machine == "x86_64", "there is no filter")
    def test_who_reaches_out_is_caught(self):
        made = self.classes(self.adapter(FAKE), [self.hostile("reach", "reach")])
        self.assertEqual(made, {"reach": cells.CAUGHT})

    def test_programs(self):
        self.folder.joinpath("program").write_text(SCRIPT)
        self.folder.joinpath("program").chmod(0o755)
        for file in self.controls.values():
            file.path.write_text(RIGHT["w"]["sha256"] + "\n")
        files = [self.hostile(what, what + "\n") for what in ("refuse", "abort", "eat", "quit")]
        files += [self.file("changed", "0123\n", tensors=RIGHT)]
        self.assertEqual(self.classes(self.adapter(PROGRAM, "prog"), files), {
            "refuse": cells.REFUSED, "abort": cells.CRASHED, "eat": cells.MEMORY,
            "quit": cells.CRASHED, "changed": cells.WRONG})

    def test_who_does_not_load_the_controls_is_not_run(self):
        files = [self.hostile("refuse", "refuse")]
        for text in (FAKE.replace("    return rest", "    raise ValueError('never')"),
                     FAKE.replace("value.encode()", "b'always'"),
                     FAKE.replace('    yield "w"', '    if False: yield "w"'), "import nothing_here"):
            self.assertEqual(self.classes(self.adapter(text), files), {"refuse": cells.NOT_RUN})
            self.assertTrue(self.result["peers"]["fake"]["not_run"])
            self.assertIn("not run", report.as_text(self.result))

    def test_files_of_other_formats_and_rows_are_not_its(self):
        adapter = self.adapter(FAKE.replace("def load", "ROWS = 'Z'\ndef load", 1))
        files = [self.hostile("pickle", "refuse"), self.hostile("zip", "refuse", "Z01"),
                 self.file("stream", "refuse", format="legacy")]
        device = self.hostile("device", "refuse", "Z02")
        device.needs_loading = True
        self.assertEqual(self.classes(adapter, [*files, device]), {
            "pickle": cells.NOT_MEANT, "zip": cells.REFUSED, "stream": cells.NOT_MEANT,
            "device": cells.NOT_MEANT})


class Tags(html.parser.HTMLParser):
    """Which elements, attributes and links a page has, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.text = collections.Counter(), [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags[tag, *sorted(name for name, _ in attributes)] += 1
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='x",
           "&lt;b&gt;", "a\nb\x00c\x1b[31m", "\u202egpj.exe", "\ud800", "]]><!--", "</table>",
           "javascript:alert(1)", "</style><b>"]


class Page(unittest.TestCase):
    def result(self, text):
        """A result in which everything that a file or a peer may choose is `text`."""
        file = {"name": "malformed/" + text, "group": "Z", "row": "Z01", "about": text,
                "format": "zip", "hostile": True, "kept": True}
        fine = file | {"name": "golden/" + text, "group": "golden", "row": "", "hostile": False}
        peer = {"title": text, "version": text, "missing": [text], "not_run": ""}
        made = {one["name"]: (cells.REFUSED, text) for one in (file, fine)}
        return {"limits": {"seconds": 1, "gib": 1}, "files": [file, fine],
                "peers": {text: peer, "b": peer | {"not_run": text}}, "cells": {text: made, "b": made}}

    def test_hostile_names_are_text(self):
        plain = Tags(report.as_html(self.result("plain")))
        for text in HOSTILE:
            page = report.as_html(self.result(text))
            page.encode()
            tags = Tags(page)
            self.assertEqual(tags.tags, plain.tags, text)
            self.assertIn(report.shown(text), tags.text)
            self.assertNotRegex(page, "[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]")
            for link in tags.links:
                self.assertRegex(link, r"^\.\./data/(malformed|golden)/[\w.~%-]+$")

    def test_hostile_names_stay_in_their_line_of_the_table(self):
        lines = len(report.as_text(self.result("plain")).splitlines())
        for text in HOSTILE:
            self.assertEqual(len(report.as_text(self.result(text)).splitlines()), lines, text)

    def test_the_page_needs_nothing_else(self):
        page = report.as_html(self.result("plain"))
        self.assertEqual(re.findall(r"<(?:script|link|img|iframe)|@import|url\(", page), [])

    def test_json_and_matrix(self):
        result = self.result("plain")
        self.assertEqual(json.loads(report.as_json(result))["cells"]["plain"]["golden/plain"],
                         [cells.REFUSED, "plain"])
        matrix = json.loads(report.as_matrix(result))
        self.assertEqual(matrix["cells"], {"malformed/plain": "rr", "golden/plain": "rr"})


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.large = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        malformed.make_large(cls.large)
        cls.files = [*malformed_files.malformed(DATA, cls.large), *malformed_files.benign(DATA, None)]

    def test_all_are_there(self):
        groups = collections.Counter(file.group for file in self.files)
        self.assertEqual(set(groups), {*malformed_files.GROUPS, "twins", "golden", "libtorch", "lesson",
                                       "optimizer"})
        self.assertEqual({file.name for file in self.files if file.name.startswith("golden/")},
                         {"golden/" + path.name for path in (DATA / "golden").iterdir()
                          if path.suffix in (".pt", ".safetensors")})

    def test_controls_are_fine_files_with_known_tensors(self):
        by_name = {file.name: file for file in self.files}
        for form, names in malformed_files.CONTROLS.items():
            self.assertEqual(len(names), 5)
            for name in names:
                self.assertFalse(by_name[name].is_hostile)
                self.assertTrue(cells.must_be_read(by_name[name]), name)
                self.assertEqual(by_name[name].format, form, name)

    def test_formats(self):
        for file in self.files:
            if file.group == "twins":
                start = file.path.open("rb").read(4)
                is_zip = file.format in ("zip", "torchscript")
                self.assertEqual(is_zip, start[:2] == b"PK", file.name)

    def test_what_writers_saved(self):
        sys.path.insert(0, str(DATA / "malformed"))
        import checkpoint
        import rows_records
        import hashlib
        self.assertEqual(cells.SAVED, {hashlib.sha256(content).hexdigest() for content in
                                       (checkpoint.FLOATS, rows_records.NOISE)})

    def test_hardload_gives_the_fine_files_and_refuses_the_others(self):
        result = malformed.run([malformed.PEERS / "hardload.py"], self.files, self.files,
                               options(seconds=60, memory=2))
        for file in result["files"]:
            made, words = result["cells"]["hardload"][file["name"]]
            right = {cells.REFUSED if file["hostile"] else cells.ACCEPTED, cells.NOT_MEANT}
            self.assertIn(made, right, (file["name"], words))


if __name__ == "__main__":
    unittest.main()
