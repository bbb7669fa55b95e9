"""The list that the modules rows_*.py fill: one case a file.

A case is a dict as it stands in expected.json:
  row, about       the row of the catalogue, and what is special about this file
  file             its name: ROW_defect.pt, or ROW_twin_of_what.pt
  kind, stage,     the error that it must get; part: of its message; record: the archive's record
  part, record       that it names
  describe         "loads" where describing is fine: reading the records, or placing the storages
                   (stage "place"), finds the fault
  loads, tensors   instead of these: what is listed of a file that must load; values: its other
                   values; names: those of its tensors alone; count: their number
  digest           the kind of error where describing it is fine, yet not reading all elements
  at_run_time      large: written by the test
"""

import hashlib
import struct

CASES = []
WRITERS = {}  # file name -> content, or a function that writes to an open file
FORMATS = {"float32": "f", "float64": "d", "int64": "q", "int32": "i", "uint8": "B", "bool": "B"}


def _add(case, content):
    assert case["file"] not in WRITERS, case["file"]
    CASES.append(case)
    WRITERS[case["file"]] = content


def bad(row, defect, about, content, kind, part="", *, stage="container", record="",
        suffix="pt", **more):
    more = {key: value for key, value in more.items() if value is not None}
    _add({"row": row, "file": f"{row}_{defect}.{suffix}", "about": about, "kind": kind, "stage": stage,
          "part": part, "record": record, **more}, content)


def twin(row, what, about, content, tensors=None, *, suffix="pt", **more):
    """A file that must load. The usual content needs no `tensors`."""
    if tensors is None:
        tensors = {"w": listed([1, 2, 3, 4])}
    _add({"row": row, "file": f"{row}_twin_{what}.{suffix}", "about": about, "loads": True,
          "tensors": tensors, **more}, content)


def listed(values, dtype="float32", shape=None, device="cpu"):
    """What must be listed of a tensor of these values."""
    data = values if isinstance(values, bytes) else \
        struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
    shape = [len(values)] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "device": device,
            "sha256": hashlib.sha256(data).hexdigest()}
