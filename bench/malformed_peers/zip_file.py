"""Python's zipfile: every record is read, and its CRC-32 compared. It gives records, no tensors."""

import platform
import zipfile

TITLE, VERSION = "zipfile", platform.python_version()
FORMATS = ["zip", "torchscript"]
ROWS = "ZQCN"


def load(path):
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"testzip: {damaged!r}")
