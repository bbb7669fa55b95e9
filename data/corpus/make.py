#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that are not golden files themselves.

usage: make.py        (needs the golden files and those by LibTorch, not torch)

corpus/pickle/: the data.pkl of each golden file, and of each by LibTorch. corpus/zip/: a golden file packed again as other
zip tools would. Everything else under corpus/ was found by a fuzzer, or written, and is kept by hand.
"""

import io
import pathlib
import zipfile

CORPUS = pathlib.Path(__file__).parent
GOLDEN = sorted((CORPUS.parent / "golden").glob("*.pt"))
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


def main():
    for folder in ("pickle", "zip"):
        (CORPUS / folder).mkdir(exist_ok=True)
    for path in GOLDEN + LIBTORCH:
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
    (CORPUS / "zip" / "empty.zip").write_bytes(b"PK\x05\x06" + bytes(18))


if __name__ == "__main__":
    main()
