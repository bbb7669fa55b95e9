#!/usr/bin/env python3
"""Compares where tensors go with torch.load, over random saved tags and values of map_location.

usage: map_location.py [CASES] [FIRST_SEED]      (default: 2000 cases from seed 0; see README.md)

Each case is a file of tensors that seem to have been saved on random devices, and a map_location in
one of its forms. Devices, or the text of the error, have to be torch's. No GPU is seen by either.
What is meant to differ has a rule; the report counts what occurred.
"""

import json
import os
import random
import subprocess
import sys
import unittest.mock
import warnings

warnings.simplefilter("ignore")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch  # noqa: E402

sys.path[:0] = ["tests/parity"]
import comparison  # noqa: E402

MAP_LOCATION = "tests/support/map_location"
BACKENDS = ["cpu", "meta", "cuda", "mps", "xpu", "hpu", "mtia", "privateuseone", "xla", "foo", "CPU",
            "Cuda", "", "gpu"]
ENDS = ["", "", ":0", ":1", ":99", ":127", ":128", ":256", ":300", ":99999999999", ":", "0", "1", ":-1",
        ":+1", ":01", ":x", ":0x1", ":1:2", ": 0", "X", " ", ".0", "\n", "ä", "/0"]
VALID = ["cpu", "meta", "cuda", "cuda:0", "cuda:1", "xpu:0", "mps", "hpu:2", "mtia"]
FORMS = ["none", "text", "device", "table", "function"]
TEXTS = ["don't know how to restore data location", "Invalid device string", "Could not parse device",
         "device module is not registered", "is_available() is False", "Storage device not recognized"]


class Case:
    def __init__(self, seed, folder):
        self.random = r = random.Random(seed)
        self.seed, self.form, self.seen = seed, r.choice(FORMS), []
        self.tags = [self.tag() if r.random() < 0.6 else "cpu" for _ in range(r.randint(1, 3))]
        self.value = {
            "none": lambda: None, "text": self.tag, "device": lambda: r.choice(VALID),
            "table": lambda: {tag: r.choice(["cpu", "cpu", "meta", self.tag()])
                              for tag in self.tags + ["cuda:0"] if r.random() < 0.8},
            "function": lambda: [tag for tag in self.tags if r.random() < 0.8],
        }[self.form]()
        self.file = folder / f"case{seed}.pt"
        with unittest.mock.patch("torch.serialization.location_tag", side_effect=self.tags):
            torch.save([torch.full((2,), float(i)) for i in range(len(self.tags))], self.file)

    def tag(self):
        if self.random.random() < 0.3:
            return self.random.choice(["cpu", "cuda:0"])
        backend, end = self.random.choice(BACKENDS), self.random.choice(ENDS)
        self.seen += [f"backend {backend}", f"end {end!r}"]
        return backend + end

    def description(self):
        return {"file": str(self.file), "form": self.form, "value": self.value}

    def answer_of_torch(self):
        place = {"device": lambda: torch.device(self.value),
                 "function": lambda: lambda storage, tag: storage if tag in self.value else None,
                 }.get(self.form, lambda: self.value)()
        try:
            return {"devices": [str(t.device) for t in torch.load(self.file, map_location=place)]}
        except Exception as error:
            return {"problem": str(error)}


class MapLocation(comparison.Comparison):
    WANTED = ([f"form {form}" for form in FORMS] + ["on cpu", "on meta"] +
              [f"backend {name}" for name in BACKENDS] + [f"end {end!r}" for end in ENDS] +
              [f"text: {text}" for text in TEXTS])

    def compare_batch(self, seeds, folder):
        cases = [Case(seed, folder) for seed in seeds]
        (folder / "cases.json").write_text(json.dumps([case.description() for case in cases]))
        run = subprocess.run([MAP_LOCATION, folder / "cases.json"], stdout=subprocess.PIPE, check=True)
        for case, ours in zip(cases, json.loads(run.stdout), strict=True):
            self.compare(case, case.answer_of_torch(), ours)

    def compare(self, case, theirs, ours):
        text = theirs.get("problem", "")
        if theirs == {key: value for key, value in ours.items() if key != "kind"}:
            self.seen["equal"] += 1
        elif text == "Device index must not be negative" and ours.get("kind") == "Device":
            self.seen["meant difference: an index over 127 is not taken for another one"] += 1
        else:
            return self.fault(case.seed, f"{case.tags} {case.form} {case.value!r}", theirs, ours)
        self.seen["form " + case.form] += 1
        self.seen.update(case.seen)
        self.seen.update("on " + device for device in theirs.get("devices", []))
        self.seen.update("text: " + part for part in TEXTS if part in text)
        return None


if __name__ == "__main__":
    MapLocation().run()
