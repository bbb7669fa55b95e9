"""picklescan, as its command judges: dangerous where it exits with 1, an error where with 2."""

import importlib.metadata

from picklescan.scanner import SafetyLevel, scan_file_path

TITLE, VERSION = "picklescan", importlib.metadata.version("picklescan")
FORMATS = ["zip", "torchscript", "legacy", "tar"]


class Dangerous(Exception):
    pass


class CannotBeScanned(Exception):
    pass


def load(path):
    result = scan_file_path(path)
    if result.scan_err:
        raise CannotBeScanned
    if result.issues_count:
        raise Dangerous(", ".join(f"{found.module}.{found.name}" for found in result.globals
                                  if found.safety is SafetyLevel.Dangerous))
