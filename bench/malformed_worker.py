"""Loads files with one peer, each in a jailed process of its own; see malformed.py.

usage: malformed_worker.py ADAPTER SCRATCH MEMORY SECONDS

Says what the adapter says of itself, and what of the jail does not hold. Then answers each line that it reads, the path of a file, with
one line of JSON:

  status      0 loaded, 1 refused, another number: it ended so itself; a signal's name: it was killed
  timed_out   whether it had not ended when its time was up
  message     the last line that it wrote to stderr; for adapters in Python the exception
  count       of the tensors that it gives; absent where it gives none
  tensors     {name: {dtype, shape, sha256}}; absent where they are too many

data/malformed/JOIN.md says what an adapter is.
"""

import hashlib
import importlib.util
import json
import os
import pathlib
import select
import signal
import sys
import time
import traceback
import warnings

import jail

MOST_TENSORS = 10_000
PATIENCE = 5  # the time of a file is the processor's; it may take that many times as long
MOST_OUTPUT = 16 << 20


def module_at(path):
    path = pathlib.Path(path)
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(error):
    return f"{type(error).__name__}: {error}".replace("\n", " ").removesuffix(": ")


def complain(error):
    """The exception as one line. After one whose text takes too much memory: its type."""
    jail.spare_memory()
    try:
        text = text_of(error)
    except BaseException:
        text = type(error).__name__
    os.write(2, b"\n" + text.encode("utf-8", "backslashreplace")[:4000])


def load(adapter, path):
    """Loads a file in Python; writes what a program would; returns its exit status."""
    try:
        value = adapter.load(path)
    except BaseException as error:
        complain(error)
        return 1
    answer = {"tensors": []}
    try:
        if hasattr(adapter, "tensors"):
            for name, dtype, shape, content in adapter.tensors(value):
                digest = None if content is None else hashlib.sha256(content).hexdigest()
                answer["tensors"].append({"name": name, "dtype": dtype, "shape": list(shape),
                                          "sha256": digest})
        else:
            answer = {}
    except BaseException as error:
        complain(error)
        answer = {"tensors": None}
    text = json.dumps(answer).encode()
    while text:
        text = text[os.write(1, text):]
    return 0


def run_child(adapter, path, memory, seconds, outputs, not_its):
    """In the child: never returns. `not_its`: what is open here and no business of a peer."""
    try:
        nothing, end = os.pipe()
        os.close(end)
        for number, fd in enumerate([nothing, *outputs]):
            os.dup2(fd, number)
            os.close(fd)
        for fd in not_its:
            os.close(fd)
        os.chdir(os.environ["TMPDIR"])
        if hasattr(adapter, "command"):
            jail.confine(memory, seconds, [str(part) for part in adapter.command(path)])
        else:
            jail.confine(memory, seconds)
            os._exit(adapter.main(path) if hasattr(adapter, "main") else load(adapter, path))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(125)


def outputs_of(child, pipes, deadline):
    """What the child writes until it ends, and its wait status; None where its time is up."""
    parts, sizes, process = {fd: [] for fd in pipes}, dict.fromkeys(pipes, 0), os.pidfd_open(child)
    waiting = [*pipes, process]
    while waiting:
        ready, _, _ = select.select(waiting, [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(process)
            return parts, None
        for fd in ready:
            part = b"" if fd == process else os.read(fd, 1 << 16)
            if not part:
                waiting.remove(fd)
            elif sizes[fd] < MOST_OUTPUT:
                parts[fd].append(part)
                sizes[fd] += len(part)
    os.close(process)
    return parts, os.waitpid(child, 0)[1]


def tensors_in(output):
    """The fields count and tensors of an answer."""
    if len(output) >= MOST_OUTPUT:
        return {"count": output.count(b'"sha256"')}
    try:
        made = json.loads(output)
        if not isinstance(made.get("tensors"), list):
            return {"count": int(made["count"])}
        listed = made["tensors"]
        found = {one["name"]: {key: one.get(key) for key in ("dtype", "shape", "sha256")}
                 for one in listed}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {"count": len(listed), **({"tensors": found} if len(found) <= MOST_TENSORS else {})}


def answer_to(adapter, path, memory, seconds, not_its=()):
    out, err = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        run_child(adapter, path, memory, seconds, [out[1], err[1]], [out[0], err[0], *not_its])
    os.close(out[1]), os.close(err[1])
    parts, status = outputs_of(child, [out[0], err[0]], time.monotonic() + PATIENCE * seconds)
    os.close(out[0]), os.close(err[0])
    stderr = b"".join(parts[err[0]]).decode("utf-8", "backslashreplace")
    message = ([""] + [line for line in stderr.split("\n") if line.strip()])[-1]
    answer = {"timed_out": status is None, "status": None, "message": message.strip()[-4000:]}
    if status is not None:
        signalled = os.WIFSIGNALED(status)
        answer["status"] = (signal.Signals(os.WTERMSIG(status)).name if signalled
                            else os.WEXITSTATUS(status))
    if answer["status"] == 0:
        answer |= tensors_in(b"".join(parts[out[0]]))
    return answer


def about(adapter):
    """What an adapter says of itself."""
    return {"title": adapter.TITLE, "version": adapter.VERSION, "formats": adapter.FORMATS,
            "rows": getattr(adapter, "ROWS", None),
            "not_shown": getattr(adapter, "NOT_SHOWN", []),
            "loads": getattr(adapter, "LOADS", False),
            "gives_tensors": any(hasattr(adapter, one) for one in ("command", "main", "tensors"))}


def main():
    path, scratch, memory, seconds = sys.argv[1:]
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["TMPDIR"] = os.environ["HOME"] = scratch
    path = os.path.abspath(path)
    files, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what is imported may print
    missing = jail.enter(scratch)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    with os.fdopen(files) as files, os.fdopen(answers, "w", buffering=1) as answers:
        not_its = [files.fileno(), answers.fileno()]
        adapter = module_at(path)
        print(json.dumps(about(adapter) | {"missing": missing}), file=answers)
        for line in files:
            answer = answer_to(adapter, json.loads(line), int(memory), float(seconds), not_its)
            print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
