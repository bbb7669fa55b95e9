#!/usr/bin/env python3
"""Writes what the lesson's tests need: state dicts by the real torch, and its messages.

usage: make.py [FOLDER]        (default: this folder; needs torch 2.11.0 and numpy 2)

whole_model.pt is a Net itself, pickled: a mistake. training.pt has, beside a state dict, what
training scripts leave in a checkpoint and is no plain data. readme.pt is what the README's example loads. Each case loads a state dict into a Net that it may not fit:
CASE.pt is the state dict, messages.json what torch's load_state_dict said, with strict and without:
the text of its error, or the missing and unexpected keys that it returned. tests/lesson/ has the
same Net in C++ and has to say the same.
"""

import argparse
import collections
import enum
import functools
import json
import pathlib
import sys

import numpy
import torch


class Mode(enum.Enum):
    FAST = 1


class Config(dict):
    pass


class History(list):
    pass


class Image(torch.Tensor):
    pass


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.empty(()))
        self.block1 = Block()
        self.block2 = Block()
        self.fc = torch.nn.Linear(4, 3)
        self.register_buffer("steps", torch.zeros(2, dtype=torch.int64))


def filled_net():
    net = Net()
    with torch.no_grad():
        for i, tensor in enumerate([*net.parameters(), *net.buffers()]):
            tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape) * 0.5 + i)
    return net


def edited(**changes):
    """The state dict of Net with entries replaced; None removes one. "." is written "__"."""
    state = filled_net().state_dict()
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


def renamed(rename):
    state = filled_net().state_dict()
    return collections.OrderedDict((rename(key), value) for key, value in state.items())


def plus(state, entries):
    state.update(entries)
    return state


t = torch.ones

CASES = {
    "fits": lambda: edited(),
    "missing_one": lambda: edited(fc__weight=None),
    "missing_some": lambda: edited(fc__bias=None, scale=None, block2__norm__running_mean=None,
                                   steps=None),
    "missing_all": lambda: collections.OrderedDict(),
    "unexpected_one": lambda: edited(extra=t(1)),
    "unexpected_everywhere": lambda: plus(edited(), {
        "zz": t(1), "fc.extra": t(1), "block2.conv.more.deep": t(1), "fc.weight.extra": t(1),
        "block1.": t(1), "block1": t(1), ".": t(1), "": t(1), "other.weight": t(1), "aa": t(1),
        "block1.norm._extra_state": t(1), "_extra_state": t(1), "block1.norm.x": t(1)}),
    "missing_and_unexpected": lambda: plus(edited(fc__bias=None), {"fc.bais": t(3)}),
    "size_mismatch": lambda: edited(fc__weight=t(5, 4), fc__bias=t(5)),
    "size_mismatch_of_scalars": lambda: edited(scale=t(3), steps=torch.tensor(1)),
    "one_element_into_scalar": lambda: edited(scale=t(1)),
    "everything_wrong": lambda: plus(edited(fc__bias=None, block1__conv__weight=t(1)),
                                     {"new": t(2), "block2.new": t(2)}),
    "not_a_tensor": lambda: edited(fc__weight=(1, 2), fc__bias="text", steps=[1]),
    "data_parallel": lambda: renamed(lambda key: "module." + key),
    "compiled_data_parallel": lambda: renamed(lambda key: "_orig_mod.module." + key),
    "other_dtypes": lambda: edited(fc__weight=torch.arange(12).reshape(3, 4),
                                   steps=torch.tensor([1.5, 2.5]), scale=torch.tensor(2.0).half()),
    "nested": lambda: {"model": filled_net().state_dict(), "epoch": 3},
}


def readme_state():
    """Of the README's Net, so that it maps ones to 6, 23, 40."""
    return collections.OrderedDict(
        [("fc.weight", torch.arange(12.0).reshape(3, 4)), ("fc.bias", torch.arange(3.0))])


def training_checkpoint():
    options = argparse.Namespace(lr=0.1, mask=torch.ones(2))
    options.itself = options
    return {"state_dict": filled_net().state_dict(), "epoch": 3, "options": options,
            "best": numpy.float64(0.5), "curve": numpy.arange(3.0), "mode": Mode.FAST,
            "times": {Mode.FAST: 1.5}, "config": Config(width=3), "history": History([1, 2]),
            "groups": collections.defaultdict(list, a=[1]), "image": torch.ones(2).as_subclass(Image),
            "schedule": functools.partial(max, 1)}


def outcome(state, strict):
    try:
        keys = filled_net().load_state_dict(state, strict=strict)
    except RuntimeError as error:
        return {"error": str(error)}
    return {"missing": keys.missing_keys, "unexpected": keys.unexpected_keys}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    messages = {}
    for name, make in CASES.items():
        torch.save(make(), folder / (name + ".pt"))
        messages[name] = {"strict": outcome(make(), True), "not_strict": outcome(make(), False)}
    torch.save(filled_net(), folder / "whole_model.pt")
    torch.save(training_checkpoint(), folder / "training.pt")
    torch.save(readme_state(), folder / "readme.pt")
    (folder / "messages.json").write_text(json.dumps(messages, indent=1) + "\n")


if __name__ == "__main__":
    main()
