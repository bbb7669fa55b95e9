#!/usr/bin/python3
"""The command line with folders of torch.distributed.checkpoint, by the real torch."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import jsonschema

ROOT = pathlib.Path.cwd()
DATA = ROOT / "data/distributed"
NAMES = ["flat", "nested", "rows", "grid"]


def hardload(*arguments):
    return subprocess.run([ROOT / "hardload", *map(str, arguments)], capture_output=True,
                          timeout=60, text=True)


class Folders(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folders = pathlib.Path(temporary.name)
        for name in NAMES:  # where the files are files, not links out of the folder
            shutil.copytree(DATA / name, self.folders / name)
            for path in (self.folders / name, *(self.folders / name).iterdir()):
                path.chmod(0o755)

    def test_inspect(self):
        run = hardload("inspect", self.folders / "rows")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("rows: torch.distributed.checkpoint, 2 shards, 1 tensor in 1 "
                      "storage, 96 bytes\n", run.stdout)
        schema = json.loads((ROOT / "loader/cli/inspect.schema.json").read_text())
        for name in NAMES:
            for path in (self.folders / name, self.folders / name / ".metadata"):
                run = hardload("inspect", path, "--format", "json", "--digest")
                self.assertEqual((run.returncode, run.stderr), (0, ""), name)
                listed = json.loads(run.stdout)
                jsonschema.validate(listed, schema)
                self.assertEqual(listed["container"], "dcp")
        # What lies in several places has no place in a file.
        grid = json.loads(hardload("inspect", self.folders / "grid", "--format", "json").stdout)
        self.assertEqual([t["file_offset"] for t in grid["tensors"]], [None, None])
        self.assertEqual(grid["shards"], ["__0_0.distcp"])
        flat = json.loads(hardload("inspect", self.folders / "flat", "--format", "json").stdout)
        content = (self.folders / "flat/__0_0.distcp").read_bytes()
        (bias,) = [t for t in flat["tensors"] if t["name"] == "bias"]
        self.assertEqual(content[bias["file_offset"]:][:16], b"\1" + bytes(7) + b"\xff" * 8)

    def test_what_torch_makes_of_it_is_the_same(self):
        for name in NAMES:
            torchs = DATA / f"{name}.pt"
            run = hardload("diff", self.folders / name, torchs)
            self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
            made = self.folders / f"{name}.pt"
            run = hardload("convert", self.folders / name, made)
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            self.assertEqual(hardload("diff", self.folders / name, made).returncode, 0)
        made = self.folders / "grid.safetensors"
        self.assertEqual(hardload("convert", self.folders / "grid", made).returncode, 0)
        self.assertEqual(hardload("diff", self.folders / "grid", made).returncode, 0)

    def test_verify(self):
        for name in NAMES:
            run = hardload("verify", self.folders / name)
            self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        for name in ("rows", "grid"):
            copy = self.folders / name
            file = copy / "__0_0.distcp"
            content = file.read_bytes()
            place = content.index(bytes.fromhex("0000c040"))  # 6.0, in float32
            file.write_bytes(content[:place] + b"\1" + content[place + 1:])
            run = hardload("verify", copy)
            self.assertEqual(run.returncode, 1, run.stdout)
            self.assertIn("CRC-32", run.stdout + run.stderr)

    def test_files_are_those_of_the_folder(self):
        copy = self.folders / "rows"
        (copy / "__0_0.distcp").rename(copy / "elsewhere")
        run = hardload("inspect", copy)
        self.assertEqual(run.returncode, 2)
        self.assertIn("rows/__0_0.distcp: ", run.stderr)
        (copy / "__0_0.distcp").symlink_to("elsewhere")
        self.assertEqual(hardload("inspect", copy).returncode, 0)
        self.assertIn("symbolic link", hardload("inspect", "--strict", copy).stderr)
        (copy / "elsewhere").rename(self.folders / "outside")
        (copy / "__0_0.distcp").unlink()
        (copy / "__0_0.distcp").symlink_to(self.folders / "outside")
        self.assertIn("leaves the folder", hardload("inspect", copy).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
