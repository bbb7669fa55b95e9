"""fickling's scan of files and archives. LIKELY_UNSAFE is what it says of every state dict, as
torch is not Python's own: here a file is unsafe where it says worse."""

import zipfile

import fickling
from fickling.analysis import Severity

TITLE, VERSION = "fickling, worse than LIKELY_UNSAFE", fickling.__version__
FORMATS = ["zip", "torchscript", "legacy"]


class Unsafe(Exception):
    pass


def load(path):
    if zipfile.is_zipfile(path):
        results = fickling.scan_zip_archive(path).values()
    else:
        results = [fickling.scan_file(path)]
    for result in results:
        if result.severity > Severity.LIKELY_UNSAFE:
            found = " ".join(part.to_string() for part in result.results)
            raise Unsafe(f"{result.severity.name}: {found}")
