#!/usr/bin/env python3
"""Compares load_state_dict with PyTorch's, on random modules and damaged state dicts.

usage: error_texts.py [CASES] [FIRST_SEED]      (default: 2000 cases from seed 0; see README.md)

For each seed: a model (modules.py), its state dict with other values and some damage (damage.py),
saved by torch. PyTorch and hardload load it into twins of the model. What PyTorch prints, or
returns, hardload has to, character for character; where it loads, both modules then have to hold
the same bits; where hardload refuses, its module has to hold what it did. Differences that are meant
have a rule here, and are counted by it. The report counts what was in the cases; what never was is a
failure, as is any other difference.
"""

import json
import random
import re
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden"]
import comparison  # noqa: E402
import damage  # noqa: E402
import describe  # noqa: E402
import modules  # noqa: E402

LOAD_MODULE = "tests/support/load_module"
TEXTS = ["Missing key(s)", "Unexpected key(s)", "size mismatch for", "expected torch.Tensor",
         "an exception occurred"]
RECEIVED = re.compile("received <class '[^']*'>")


class Case:
    def __init__(self, seed, folder):
        r = random.Random(-1 - seed)
        self.seed = seed
        self.model = modules.Model(seed)
        self.strict, self.assign = r.random() < 0.6, r.random() < 0.2
        self.damages = []
        state = self.new_state()
        drawn = r.sample(damage.DAMAGES, k=r.choice([0, 1, 1, 1, 2, 3, 6]))
        for function in sorted(drawn, key=damage.DAMAGES.index):
            done = function(state, r, self.model)
            if done is False:
                continue
            self.damages.append(function.__name__)
            if done is not True:
                state = done
        self.file, self.copy = folder / f"case{seed}.pt", folder / f"copy{seed}.pt"
        torch.save(state, self.file)

    def new_state(self):
        """The model's state dict, with values of its own. What is tied is so again."""
        torch.manual_seed(self.seed)
        state, made = self.model.root.state_dict(), {}
        for key, value in state.items():
            memory = (value.data_ptr(), value.shape, value.dtype) if value.numel() > 0 else key
            if memory not in made:
                made[memory] = torch.randint(0, 100, value.shape).to(value.dtype)
            state[key] = made[memory]
        return state

    def description(self):
        return {"module": self.model.description(), "class_name": "Net", "file": str(self.file),
                "copy": str(self.copy), "strict": self.strict, "assign": self.assign}

    def fault(self, run, what, *details):
        run.fault(self.seed, f"{what} {self.damages} strict={self.strict} assign={self.assign}",
                  *details)

    def answer_of_torch(self):
        state = torch.load(self.file, weights_only=False)
        try:
            keys = self.model.root.load_state_dict(state, strict=self.strict, assign=self.assign)
        except (RuntimeError, TypeError, AttributeError) as error:
            return {"problem": str(error)}
        return {"missing": keys.missing_keys, "unexpected": keys.unexpected_keys}


def content(state):
    """Names, types and bits."""
    return [(key, str(tensor.dtype), tuple(tensor.shape), tensor.device.type,
             None if tensor.is_meta else describe.logical_bytes(tensor))
            for key, tensor in state.items()]


# Differences that are meant. data/DECISIONS.md has the reasons.
def rule_of_answers(case, theirs, ours):
    """Why the answers may differ; None where they may not."""
    text, kind, loads = theirs.get("problem", ""), ours.get("kind"), "problem" not in theirs
    problem = ours.get("problem", "").replace(
        "SparseCPUFloatType", "torch.sparse.FloatTensor").replace("CPUFloatType", "torch.FloatTensor")
    if text and text == problem:
        return "a type in LibTorch's words has Python's name in Python"
    if loads and kind == "Unsupported" and "is on the meta device and has no memory" in problem:
        return "a target on the meta device is refused, not passed over"
    if loads and kind == "Unsupported" and case.assign and (
            "is not an ordinary strided tensor" in problem
            or "is on the meta device in the state dict" in problem):
        return "assign refuses what cannot take a parameter's place in C++"
    if kind == "Key" and "keys of a state dict are strings" in problem and (
            text == "'int' object has no attribute 'startswith'"):
        return "a key that is no text has words of its own"
    if kind == "Key" and "not a state dict" in problem and text == problem.replace(
            "this is a ", "Expected state_dict to be dict-like, got <class '").replace(
                ", not a state dict", "'>."):
        return "what is no dict has words of its own"
    if "Unexpected running stats buffer(s)" in text:
        rest = [line for line in text.split("\n\t")[1:] if not line.startswith("Unexpected")]
        if all(line in problem for line in rest):
            return "running statistics for an InstanceNorm without are unexpected keys"
    return None


def with_ties(case, missing, expected):
    """All names of a tensor have what the last of them has that was loaded."""
    named = {key: value for key, *value in expected}
    last = {id(tensor): key for key, tensor in case.tensors_before.items() if key not in missing}
    return [(key, *named[last.get(id(case.tensors_before[key]), key)]) for key, *_ in expected]


def rule_of_contents(case, missing, expected, got):
    tied = with_ties(case, missing, expected)
    if case.assign and got == tied:
        return "assign keeps ties"
    if case.assign and "parameter_as_value" in case.damages and sorted(got) == sorted(tied):
        return "a parameter assigned to a buffer does not make it a parameter"
    return None


class ErrorTexts(comparison.Comparison):
    WANTED = (modules.WANTED + ["text: " + text for text in TEXTS] + ["damage none"] +
              ["damage " + function.__name__ for function in damage.DAMAGES] +
              [f"received {kind}" for kind in {type(value) for value in damage.VALUES}
               if "Storage" not in str(kind)])

    def compare_batch(self, seeds, folder):
        cases = [Case(seed, folder) for seed in seeds]
        (folder / "cases.json").write_text(json.dumps([case.description() for case in cases]))
        run = subprocess.run([LOAD_MODULE, folder / "cases.json"], stdout=subprocess.PIPE, check=True)
        for case, answer in zip(cases, json.loads(run.stdout), strict=True):
            self.compare(case, as_text(answer))

    def compare(self, case, ours):
        root = case.model.root
        before = content(root.state_dict())
        case.tensors_before = {**dict(root.named_parameters(remove_duplicate=False)),
                               **dict(root.named_buffers(remove_duplicate=False))}
        if "load_into" in ours:
            return case.fault(self, "load_into does otherwise than load_state_dict",
                              {**ours, "load_into": None}, ours["load_into"])
        theirs = case.answer_of_torch()
        after = content(torch.load(case.copy))
        if "problem" in ours and after != before:
            return case.fault(self, "hardload refused and changed the module", before, after)
        if theirs != {key: value for key, value in ours.items() if key != "kind"}:
            rule = rule_of_answers(case, theirs, ours)
            if rule is None:
                return case.fault(self, "other answers", theirs, ours)
            self.seen["meant difference: " + rule] += 1
        elif "problem" not in ours:
            expected = content(root.state_dict())
            rule = after != expected and rule_of_contents(case, ours["missing"], expected, after)
            if rule is None:
                return case.fault(self, "other contents", expected, after)
            self.seen["meant difference: " + rule if rule else "loaded, with equal contents"] += 1
        else:
            self.seen["refused, with equal texts"] += 1
            self.seen.update("text: " + text for text in TEXTS if text in ours["problem"])
            self.seen.update(RECEIVED.findall(ours["problem"]))
        self.seen += case.model.seen
        self.seen.update("damage " + name for name in case.damages or ["none"])
        return None


def as_text(answer):
    """Undoes bytes_as_characters of load_module.cc."""
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, dict):
        return {key: as_text(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [as_text(item) for item in answer]
    return answer.encode("latin-1").decode("utf-8", "surrogatepass")


if __name__ == "__main__":
    ErrorTexts().run()
