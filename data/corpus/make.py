#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that are not golden files themselves.

usage: make.py        (needs the golden files, not torch)

corpus/pickle/: the data.pkl of each golden file. corpus/zip/: a golden file packed again as other
zip tools would. corpus/diff/: two files, and the length of the first. Everything else under corpus/ was found by a fuzzer, or written, and is kept by hand.
"""

import io
import pathlib
import zipfile

CORPUS = pathlib.Path(__file__).parent
GOLDEN = sorted((CORPUS.parent / "golden").glob("*.pt"))


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


def main():
    for folder in ("diff", "pickle", "zip"):
        (CORPUS / folder).mkdir(exist_ok=True)
    for path in GOLDEN:
        if path.stem == "saved_without_crc":
            continue  # which zipfile refuses to read
        with zipfile.ZipFile(path) as archive:
            (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl")]
            (CORPUS / "pickle" / (path.stem + ".pkl")).write_bytes(archive.read(name))
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
    (CORPUS / "zip" / "empty.zip").write_bytes(b"PK\x05\x06" + bytes(18))


if __name__ == "__main__":
    main()
