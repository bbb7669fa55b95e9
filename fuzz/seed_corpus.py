#!/usr/bin/env python3
"""Packs seeds: seed_corpus.py OUT.zip FILE... The same files make the same bytes."""

import pathlib
import sys
import zipfile

out, *files = sys.argv[1:]
with zipfile.ZipFile(out, "w") as archive:
    for path in sorted(map(pathlib.Path, files)):
        # Of several folders, in which names may repeat.
        info = zipfile.ZipInfo(f"{path.parent.name}-{path.name}")
        archive.writestr(info, path.read_bytes())
