#!/usr/bin/env python3
"""Asks the real torch what it does with each file, and writes the answers to torch.json.

usage: ask_torch.py [ROW...]   (needs torch 2.11.0 and safetensors 0.8.0; then run make.py again,
                               for the README)

Of all rows, or of those that begin as said, e.g. F. The rows F are safetensors' to answer.

Each file is loaded in a process of its own, with a limit on memory and time: some crash torch.
"""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import warnings

import safetensors
import torch
from safetensors.torch import load_file

import checkpoint
import rows_records

HERE = pathlib.Path(__file__).resolve().parent
MEMORY = 6 << 30
SECONDS = 60


def tensors_in(value, seen):
    """The tensors in lists and dicts, without going in circles."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)) and id(value) not in seen and len(seen) < 10_000:
        seen.add(id(value))
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(item, seen)


def short(error, folder):
    """The type, and the first sentence that says something of this file."""
    message = str(error).replace(str(folder) + "/", "")
    inner = re.search(r"WeightsUnpickler error: (.*)", message, re.DOTALL)
    message = inner.group(1) if inner else message
    message = re.sub(r"0x[0-9a-f]{6,}", "0x...", message.strip()).split("\n")[0]
    message = re.split(r"(?<=[a-z)'])\. (?=[A-Z])|This file can still be loaded", message)[0]
    message = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    return f"{type(error).__name__}: {message[:120]}" if message else type(error).__name__


def is_another(value, case):
    """Whether "w" is not what the writer of the archive put into it. Faults of the zip alone leave
    that plain; those of the pickle are about what it says of "w"."""
    if "loads" in case or case["row"][0] not in "ZQCN" or case["row"] == "C02":
        return False
    if "w" not in value:
        return True
    content = value["w"].contiguous().view(torch.uint8).numpy().tobytes()
    return content not in (checkpoint.FLOATS, rows_records.NOISE)


def ask(path, case):
    """Loads the file, then reads its tensors; gives the answer."""
    try:
        value = load_file(path) if case["row"][0] == "F" else torch.load(path)
    except BaseException as error:
        return short(error, path.parent)
    try:
        for tensor in tensors_in(value, set()):
            dense = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
            dense.clone()
        return "loads, but other values" if is_another(value, case) else "loads"
    except BaseException as error:
        return "loads; then " + short(error, path.parent)


def answer_to(path, case, writer):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(SECONDS)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    torch.set_num_threads(1)
    os.write(writer, ask(path, case).encode("utf-8", "backslashreplace")[:4000])


def ask_in_a_process(path, case):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer_to(path, case, writer)
        finally:
            os._exit(0)  # whatever happens: what was begun before the fork is the parent's
    os.close(writer)
    answer = b""
    while part := os.read(reader, 4096):
        answer += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"no answer in {SECONDS} s" if name == "SIGALRM" else f"crashes: {name}"
    return answer.decode() or f"runs out of {MEMORY >> 30} GiB of memory"


def main():
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    assert safetensors.__version__ == "0.8.0", safetensors.__version__
    warnings.simplefilter("ignore")
    cases = json.loads((HERE / "expected.json").read_text())
    answers = json.loads((HERE / "torch.json").read_text())
    answers = {case["file"]: answers.get(case["file"], "") for case in cases}
    rows = tuple(sys.argv[1:]) or ("",)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, HERE / "make.py", "--at-run-time", folder], check=True)
        for case in cases:
            if not case["row"].startswith(rows) and answers[case["file"]]:
                continue
            path = (pathlib.Path(folder) if case.get("at_run_time") else HERE) / case["file"]
            answers[case["file"]] = ask_in_a_process(path, case)
    (HERE / "torch.json").write_text(json.dumps(answers, indent=0, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
