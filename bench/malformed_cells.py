"""Which class an answer of a peer is of: the cells of the matrix."""

import hashlib
import re
import struct

REFUSED, ACCEPTED, WRONG = "refused", "accepted", "wrong data"
CRASHED, HUNG, MEMORY, CAUGHT = "crashed", "hung", "ate memory", "broke out"
NOT_RUN, NOT_MEANT = "not run", "-"

# Class: its letter in the short form of the matrix, and what it means.
CLASSES = {
    REFUSED: ("r", "it gave an error, and ended of its own accord"),
    ACCEPTED: ("a", "it gave a value without an error"),
    WRONG: ("W", "it gave a value, and tensors in it are not those that were saved"),
    CRASHED: ("X", "a signal ended it, or it ended itself without an error"),
    HUNG: ("H", "it had not answered when its time was up"),
    MEMORY: ("M", "it asked for more memory than it may have"),
    CAUGHT: ("B", "it reached for the network, a process or a program, and was stopped"),
    NOT_RUN: ("n", "the peer does not load the controls here"),
    NOT_MEANT: ("-", "not the peer's format, or nothing that it looks at"),
}

# What allocators, and those who call them, say.
_NO_MEMORY = re.compile(r"MemoryError|bad_alloc|can't allocate memory|[Cc]annot allocate memory|"
                        r"[Oo]ut of memory|ENOMEM|memory allocation of \d+ bytes failed")

# What the writers of the files of data/malformed put into "w", FLOATS and NOISE there, in rows whose
# faults leave that plain: those of the zip alone.
SAVED = {hashlib.sha256(content).hexdigest() for content in (
    struct.pack("<4f", 1, 2, 3, 4), bytes((i * 167 + (i >> 3) * 59) % 251 for i in range(256)))}
_ROWS_OF_THE_ZIP = "ZQCN"
_BUT_NOT = ("C02", "Z27")  # about the pickle


def class_of(answer):
    """Of the answer alone: what became of the process."""
    status, message = answer["status"], answer["message"]
    if answer["timed_out"] or status == "SIGXCPU":
        return HUNG
    if status == 0:
        return ACCEPTED
    if status == "SIGSYS":
        return CAUGHT
    if status == "SIGKILL" or _NO_MEMORY.search(message):
        return MEMORY
    return REFUSED if status == 1 else CRASHED


def cell(file, answer, gives_tensors):
    """The class, and the peer's own words. `gives_tensors`: whether the peer does, or only a yes."""
    made = class_of(answer)
    if made != ACCEPTED:
        return made, words(answer)
    if gives_tensors and not file.is_hostile and "count" not in answer and must_be_read(file):
        return (REFUSED, words(answer)) if answer["message"] else (WRONG, "it gave no tensors")
    wrong = _difference(file, answer)
    return (WRONG, wrong) if wrong else (ACCEPTED, words(answer))


def must_be_read(file):
    """Whether there is a tensor in it whose elements are known."""
    return any(tensor["sha256"] and tensor.get("device") != "meta"
               for tensor in (file.tensors or {}).values())


def words(answer):
    if class_of(answer) == HUNG:
        return ""
    status = answer["status"]
    start = f"{status}: " if isinstance(status, str) else f"status {status}: " if status > 1 else ""
    start = "loads; then " if status == 0 and answer["message"] else start
    return (start + answer["message"]).removesuffix(": ")


def _difference(file, answer):
    """How what was given differs from what is known to be right; empty where it does not."""
    given = answer.get("tensors")
    if file.count is not None and answer.get("count", file.count) != file.count:
        return f"{answer['count']} tensors, not {file.count}"
    if given is None:
        return ""
    if file.is_hostile:
        if file.row[0] not in _ROWS_OF_THE_ZIP or file.row in _BUT_NOT:
            return ""
        if "w" not in given:
            return 'there is no "w"'
        return "" if given["w"]["sha256"] in SAVED else '"w" is not what was saved'
    if file.tensors is None:
        return ""
    for name, right in file.tensors.items():
        if name not in given:
            return f"{name!r} is missing"
        for field in ("dtype", "shape", "sha256"):
            if field == "sha256" and right.get("device") == "meta" and given[name][field] is None:
                continue
            if right[field] not in (None, given[name][field]):
                return f"{name!r}: {field} {given[name][field]}, not {right[field]}"
    more = sorted(given.keys() - file.tensors.keys())
    return f"{more[0]!r} is not in the file" if more else ""
