#!/usr/bin/env python3
"""Writes training checkpoints by the real torch, and how its training went on from there.

usage: make.py [FOLDER]        (default: this folder; needs torch 2.11.0)

A Net is trained for three steps and saved as CASE.pt: "model", "optimizer" and "epoch", as training
scripts save them (lbfgs_once after one step). Beside them, for tests: "input" and "target", the data of every step; "after" and
"gradients", all parameters after each of three more steps, and their gradients before it, flattened
into one row a step (LBFGS has no gradients there: it takes several within a step); "frozen", whether
the first weight is not trained. tests/torch/optimizer_state_test.cc has to go on in the same way.
"""

import copy
import pathlib
import sys

import torch


class Net(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 4, dtype=dtype)
        self.fc2 = torch.nn.Linear(4, 2, dtype=dtype)
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(waves(parameter.numel(), i, dtype).reshape(parameter.shape))

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def waves(count, start, dtype):
    return torch.sin(torch.arange(count, dtype=dtype) * 1.7 + start)


def two_groups(net):
    return [{"params": net.fc1.parameters()},
            {"params": net.fc2.parameters(), "lr": 0.003, "weight_decay": 0.2}]


def integer_steps(state):
    """As torch before 1.12 saved them."""
    for values in state["state"].values():
        values["step"] = int(values["step"])


def named(state):
    """As torch.distributed.checkpoint names parameters."""
    names = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    state["state"] = {names[i]: values for i, values in state["state"].items()}
    state["param_groups"][0]["params"] = names


optim = torch.optim
# name: dtype, how to make the optimizer of a net, and how to change its saved state, if at all
CASES = {
    "sgd": (torch.float64, lambda net: optim.SGD(net.parameters(), lr=0.05)),
    "sgd_momentum": (torch.float32, lambda net: optim.SGD(
        net.parameters(), lr=0.05, momentum=0.9, dampening=0.1)),
    "sgd_nesterov_groups": (torch.float64, lambda net: optim.SGD(
        two_groups(net), lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.1)),
    "adam": (torch.float32, lambda net: optim.Adam(net.parameters(), lr=0.01)),
    "adam_amsgrad_groups": (torch.float64, lambda net: optim.Adam(
        two_groups(net), lr=0.02, betas=(0.8, 0.95), eps=1e-6, amsgrad=True)),
    "adam_frozen": (torch.float64, lambda net: optim.Adam(
        net.parameters(), lr=torch.tensor(0.03, dtype=torch.float64), weight_decay=0.1)),
    "adam_integer_steps": (torch.float64, lambda net: optim.Adam(net.parameters()), integer_steps),
    "adam_named": (torch.float64, lambda net: optim.Adam(net.parameters(), lr=0.01), named),
    "adamw": (torch.float64, lambda net: optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.3)),
    "adamw_amsgrad": (torch.float32, lambda net: optim.AdamW(
        net.parameters(), lr=0.01, amsgrad=True)),
    "adagrad": (torch.float64, lambda net: optim.Adagrad(
        net.parameters(), lr=0.1, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.5)),
    "adagrad_float": (torch.float32, lambda net: optim.Adagrad(net.parameters())),
    "rmsprop": (torch.float32, lambda net: optim.RMSprop(net.parameters(), alpha=0.9)),
    "rmsprop_momentum": (torch.float64, lambda net: optim.RMSprop(
        net.parameters(), lr=0.002, momentum=0.7, weight_decay=0.05, eps=1e-5)),
    "rmsprop_centered": (torch.float64, lambda net: optim.RMSprop(
        net.parameters(), centered=True)),
    "lbfgs": (torch.float64, lambda net: optim.LBFGS(
        net.parameters(), lr=0.3, max_iter=4, history_size=5)),
    "lbfgs_wolfe": (torch.float64, lambda net: optim.LBFGS(
        net.parameters(), max_iter=3, history_size=30, line_search_fn="strong_wolfe")),
    "lbfgs_float": (torch.float32, lambda net: optim.LBFGS(
        net.parameters(), lr=0.1, max_iter=2, max_eval=4, history_size=3)),
    "lbfgs_once": (torch.float64, lambda net: optim.LBFGS(net.parameters(), max_iter=1)),
}


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def train(name, dtype, make, edit=lambda state: None):
    net = Net(dtype)
    frozen = name.endswith("_frozen")
    net.fc1.weight.requires_grad_(not frozen)
    optimizer = make(net)
    x, y = waves(15, 0.5, dtype).reshape(5, 3), waves(10, 2.5, dtype).reshape(5, 2)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        return loss

    before = 1 if name == "lbfgs_once" else 3
    for _ in range(before):
        optimizer.step(closure)
    saved = {"model": copy.deepcopy(net.state_dict()),
             "optimizer": copy.deepcopy(optimizer.state_dict()), "epoch": before,
             "input": x, "target": y, "frozen": frozen}
    edit(saved["optimizer"])

    after, gradients = [], []
    for _ in range(3):
        optimizer.step(closure)
        after.append(flat(net.parameters()))
        gradients.append(flat(torch.zeros_like(p) if p.grad is None else p.grad
                              for p in net.parameters()))
    saved["after"] = torch.stack(after)
    if not name.startswith("lbfgs"):
        saved["gradients"] = torch.stack(gradients)
    return saved


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    torch.set_num_threads(1)
    for name, case in CASES.items():
        torch.save(train(name, *case), folder / (name + ".pt"))


if __name__ == "__main__":
    main()
