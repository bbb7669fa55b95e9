#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that are not golden files themselves.

usage: make.py        (needs the golden files and those by LibTorch, not torch)

corpus/pickle/: the data.pkl of each golden file, and of each by LibTorch. corpus/zip/: a golden file packed again as other
zip tools would. corpus/safetensors/: a golden file as other writers might leave it. corpus/legacy/, corpus/tar/: files before torch 1.6 that are small and say little. corpus/diff/: two files, and the length of the first. corpus/distributed/: a folder's .metadata and its one file, and the length of the first. Everything else under corpus/ was found by a fuzzer, or written, and is kept by hand.
"""

import io
import json
import pathlib
import struct
import sys
import zipfile

CORPUS = pathlib.Path(__file__).parent
GOLDEN = sorted(path for path in (CORPUS.parent / "golden").glob("*.pt")
                if not path.name.startswith(("legacy_", "tar_")))
LIBTORCH = sorted((CORPUS.parent / "libtorch").glob("*.pt"))


def repacked(source, **options):
    """The archive with all its records written by Python's zipfile."""
    out = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w", **options) as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo(info.filename, date_time=(2020, 1, 2, 3, 4, 6))
            entry.compress_type = options.get("compression", zipfile.ZIP_STORED)
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(info))
        new.comment = options.get("compression", 0) and b"packed again" or b""
    return out.getvalue()


class Pipe(io.RawIOBase):
    """A stream that cannot seek: zipfile then writes data descriptors."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def streamed(source):
    pipe = Pipe()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(pipe, "w") as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo(info.filename, date_time=(2020, 1, 2, 3, 4, 6))
            with new.open(entry, "w", force_zip64=info.filename.endswith("data/0")) as out:
                out.write(old.read(info))
    return pipe.bytes


def rewritten(source, **options):
    """The safetensors file with its header written by Python's json, members backwards."""
    (length,) = struct.unpack("<Q", source[:8])
    header = json.loads(source[8:8 + length])
    text = json.dumps(dict(reversed(header.items())), **options).encode()
    return struct.pack("<Q", len(text)) + text + source[8 + length:]


def main():
    for folder in ("diff", "distributed", "pickle", "zip", "safetensors", "legacy", "tar"):
        (CORPUS / folder).mkdir(exist_ok=True)
    for path in GOLDEN + LIBTORCH:
        if path.stem == "saved_without_crc":
            continue  # which zipfile refuses to read
        with zipfile.ZipFile(path) as archive:
            (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl")]
            (CORPUS / "pickle" / (path.stem + ".pkl")).write_bytes(archive.read(name))
    names = (CORPUS.parent / "golden" / "safetensors_names.safetensors").read_bytes()
    (CORPUS / "safetensors" / "escaped.safetensors").write_bytes(rewritten(names, indent=1))
    (CORPUS / "safetensors" / "utf8.safetensors").write_bytes(
        rewritten(names, ensure_ascii=False, separators=(",", ":")))
    linear = CORPUS.parent / "golden" / "state_linear.pt"
    (CORPUS / "zip" / "stored.zip").write_bytes(repacked(linear))
    (CORPUS / "zip" / "deflated.zip").write_bytes(
        repacked(linear, compression=zipfile.ZIP_DEFLATED))
    (CORPUS / "zip" / "streamed.zip").write_bytes(streamed(linear))
    for a, b in (("state_linear", "state_half"), ("sparse_csr", "sparse_csc"),
                 ("values_numbers", "values_torch"), ("tree_keys", "tree_nested"),
                 ("quantized_per_tensor", "quantized_per_channel"), ("tree_cycle", "root_list")):
        first, second = (repacked(CORPUS.parent / "golden" / f"{name}.pt") for name in (a, b))
        (CORPUS / "diff" / f"{a}_and_{b}").write_bytes(
            first + second + len(first).to_bytes(2, "little"))
    for name in ("flat", "nested", "grid"):
        folder = CORPUS.parent / "distributed" / name
        metadata = (folder / ".metadata").read_bytes()
        (CORPUS / "distributed" / name).write_bytes(
            metadata + (folder / "__0_0.distcp").read_bytes() + len(metadata).to_bytes(2, "little"))
    (CORPUS / "zip" / "empty.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    sys.path.insert(0, str(CORPUS.parent / "malformed"))
    import old_writer as old
    (CORPUS / "legacy" / "smallest.pt").write_bytes(old.stream(old.NONE, (), b""))
    (CORPUS / "legacy" / "state.pt").write_bytes(old.stream())
    (CORPUS / "tar" / "smallest.pt").write_bytes(old.tar_file(code=old.NONE, storages=[], tensors=[]))
    (CORPUS / "tar" / "state.pt").write_bytes(old.tar_file())


if __name__ == "__main__":
    main()
