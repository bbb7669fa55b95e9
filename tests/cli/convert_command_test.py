#!/usr/bin/python3
"""hardload convert: exact output, exit codes, what is refused, and what is left on the disk."""

import json
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path.cwd()
GOLDEN = ROOT / "data/golden"
# Written by torch in other ways than torch.save(object, path) with its defaults.
OTHERWISE = {"saved_aligned_to_pages", "saved_and_packed_again", "saved_to_a_stream",
             "saved_without_crc", "saved_without_data"}


def run(*arguments, **options):
    return subprocess.run([ROOT / "hardload", *map(str, arguments)], capture_output=True,
                          timeout=60, **options)


def description(path):
    """What inspect says of the tensors and values; not where bytes lie in the file."""
    got = json.loads(run("inspect", path, "--format", "json", "--digest").stdout)
    for tensor in got["tensors"]:
        tensor.pop("file_offset")
    return got


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def fails(self, code, part, *arguments):
        got = run("convert", *arguments)
        self.assertEqual((got.returncode, got.stdout), (code, b""), got.stderr)
        self.assertIn(part, got.stderr.decode())
        return got.stderr.decode()


class ToTorch(Folder):
    def test_files_of_torch_come_out_as_they_were(self):
        same = 0
        for path in sorted(GOLDEN.glob("*.pt")):
            copy = self.folder / path.name
            got = run("convert", path, copy)
            if path.stem == "legacy_two_in_one":
                self.assertIn(b"other checkpoints behind this one", got.stderr)
                got = run("convert", path, copy, "--allow-loss")
                self.assertEqual(got.returncode, 0)
            else:
                self.assertEqual((got.returncode, got.stderr), (0, b""), path)
            if path.stem.startswith(("legacy_", "tar_")):
                self.assertEqual(run("diff", path, copy).returncode, 0, path)
            elif path.stem not in OTHERWISE:
                self.assertEqual(copy.read_bytes(), path.read_bytes(), path)
                same += 1
            else:
                self.assertEqual(description(copy), description(path), path)
        self.assertGreater(same, 90)

    def test_files_of_safetensors_and_back(self):
        for path in sorted(GOLDEN.glob("*.safetensors")):
            torch, back = self.folder / "model.pt", self.folder / "back.safetensors"
            got = run("convert", path, torch, "--allow-loss", "--overwrite")
            self.assertEqual(got.returncode, 0, (path, got.stderr))
            before, after = description(path), description(torch)
            self.assertEqual([(t["name"], t["dtype"], t["shape"], t["sha256"])
                              for t in before["tensors"]],
                             [(t["name"], t["dtype"], t["shape"], t["sha256"])
                              for t in after["tensors"]], path)
            self.assertEqual(run("convert", torch, back, "--overwrite").returncode, 0)
            if b'{"__metadata__":{"format":"pt"}' in path.read_bytes()[:64]:
                self.assertEqual(back.read_bytes(), path.read_bytes(), path)
            self.assertEqual(run("convert", path, back, "--overwrite").returncode, 0)
            self.assertEqual(back.read_bytes(), path.read_bytes(), path)

    def test_texts_beside_the_tensors_are_named(self):
        self.fails(1, "texts of __metadata__, which are dropped (1): ",
                   GOLDEN / "safetensors_metadata.safetensors", self.folder / "a.pt")
        self.assertEqual(self.files(), [])


    def test_records_that_no_tensor_uses_are_named(self):
        path = self.folder / "more.pt"
        shutil.copy(GOLDEN / "saved_and_packed_again.pt", path)
        with zipfile.ZipFile(path, "a") as archive:
            folder = archive.namelist()[0].split("/")[0]
            archive.writestr(f"{folder}/data/99", "?")
            archive.writestr(f"{folder}/notes.txt", "?")
        self.fails(1, "records of the archive that no tensor uses, which are dropped (2): "
                      f"'{folder}/data/99', '{folder}/notes.txt'", path, self.folder / "a.pt")
        self.assertEqual(run("convert", path, self.folder / "a.pt", "--allow-loss").returncode, 0)
        self.assertEqual(description(self.folder / "a.pt"),
                         description(GOLDEN / "saved_and_packed_again.pt"))


class ToSafetensors(Folder):
    def test_output(self):
        out = self.folder / "model.safetensors"
        got = run("convert", GOLDEN / "state_linear.pt", out)
        self.assertEqual((got.returncode, got.stdout.decode(), got.stderr),
                         (0, f"{out}: 2 tensors, 608 bytes\n", b""))
        self.assertEqual(self.files(), ["model.safetensors"])
        content = out.read_bytes()
        length, = struct.unpack("<Q", content[:8])
        self.assertEqual(content[8:8 + length].rstrip(),
                         b'{"__metadata__":{"format":"pt"},'
                         b'"bias":{"dtype":"F32","shape":[10],"data_offsets":[0,40]},'
                         b'"weight":{"dtype":"F32","shape":[10,10],"data_offsets":[40,440]}}')

    def test_every_golden_file_is_converted_or_says_why_not(self):
        converted = 0
        for path in sorted(GOLDEN.glob("*.pt")):
            out = self.folder / (path.stem + ".safetensors")
            got = run("convert", path, out, "--allow-loss")
            if got.returncode != 0:
                self.assertEqual((got.returncode, out.exists()), (1, False), path)
                self.assertIn(b"the new file cannot hold all of this one:\n", got.stderr)
                continue
            converted += 1
            digests = {t["name"]: (t["shape"], t["dtype"], t["sha256"])
                       for t in description(path)["tensors"]}
            self.assertEqual(digests, {t["name"]: (t["shape"], t["dtype"], t["sha256"])
                                       for t in description(out)["tensors"]}, path)
        self.assertGreater(converted, 60)

    LOSSES = {
        "shared_tied_parameters": "tensors that share memory, and become copies (2): "
                                  "'0.weight', '1.weight'",
        "view_transposed": "tensors whose elements lie in another order",
        "view_conjugated": "tensors whose elements lie in another order",
        "view_storage_larger_than_tensor": "storages of which no tensor shows some bytes, which are "
                                           "dropped (1): that of 't'",
        "view_stepped": "storages of which no tensor shows some bytes",
        "state_parameters": "parameters and tensors that require a gradient, and become plain "
                            "tensors (2): 'weight', 'bias'",
        "tensor_with_attributes": "sets of attributes of Python objects, which are dropped (",
        "root_list": "tensors under keys that are no text, and become text (2): '0', '2.0'",
        "checkpoint_for_training": "which are dropped (25): optimizer.param_groups.0.lr: 0.01, ",
    }

    def test_losses_are_named_and_refused(self):
        for name, text in self.LOSSES.items():
            out = self.folder / "model.safetensors"
            message = self.fails(1, text, GOLDEN / (name + ".pt"), out)
            self.assertTrue(message.endswith("Give --allow-loss to convert it without these.\n"))
            self.assertEqual(self.files(), [], name)
            got = run("convert", GOLDEN / (name + ".pt"), out, "--allow-loss")
            self.assertEqual(got.returncode, 0, name)
            self.assertIn("lost: ", got.stderr.decode())
            self.assertIn(text, got.stderr.decode())
            out.unlink()

    def test_twenty_are_named_and_all_are_counted(self):
        message = self.fails(1, "(25)", GOLDEN / "checkpoint_for_training.pt",
                             self.folder / "a.safetensors")
        line, = [line for line in message.splitlines() if "plain values" in line]
        self.assertEqual(line.count(": ") - 1, 20)
        self.assertTrue(line.endswith(", ..."), line)

    def test_what_cannot_be_held_is_refused_with_the_flag_too(self):
        for name, text in {"dtype_complex128": "'dense' (complex128)",
                           "sparse_csr": "(sparse_csr)", "quantized_per_tensor": "(quint8)",
                           "state_on_meta": "(on the meta device, without data)",
                           "root_tensor": "the lone tensor", "tree_text": "\\u{d800} lone",
                           "tree_names": "once keys are joined by '.' (1): 'a.b'"}.items():
            self.fails(1, text, GOLDEN / (name + ".pt"), self.folder / "a.safetensors",
                       "--allow-loss")
        self.assertEqual(self.files(), [])

    def test_shards(self):
        out = self.folder / "model.safetensors"
        got = run("convert", GOLDEN / "state_linear.pt", out, "--max-shard-size", "400")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(got.stdout.decode(),
                         f"{out}.index.json: 2 tensors, 813 bytes, 2 shards\n")
        self.assertEqual(self.files(), ["model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors",
                                        "model.safetensors.index.json"])
        index = {"metadata": {"total_size": 440},
                 "weight_map": {"weight": "model-00001-of-00002.safetensors",
                                "bias": "model-00002-of-00002.safetensors"}}
        self.assertEqual((self.folder / "model.safetensors.index.json").read_text(),
                         json.dumps(index, indent=2))
        self.fails(2, "there is a file of this name already", GOLDEN / "state_linear.pt", out,
                   "--max-shard-size", "400")
        self.fails(2, "'5XB' is no size", GOLDEN / "state_linear.pt", out, "--max-shard-size", "5XB")
        self.fails(2, "shards are made of safetensors only", GOLDEN / "state_linear.pt",
                   self.folder / "a.pt", "--max-shard-size", "5GB")


class Trouble(Folder):
    def test_files_that_are_there(self):
        out = self.folder / "model.pt"
        out.write_bytes(b"old")
        self.fails(2, "there is a file of this name already", GOLDEN / "state_linear.pt", out)
        self.assertEqual(out.read_bytes(), b"old")
        self.assertEqual(run("convert", GOLDEN / "state_linear.pt", out, "--overwrite").returncode, 0)
        self.assertEqual(run("convert", out, out, "--overwrite").returncode, 0)  # itself
        self.assertEqual(description(out), description(GOLDEN / "state_linear.pt"))

    def test_a_damaged_storage_leaves_nothing(self):
        data = bytearray((GOLDEN / "state_linear.pt").read_bytes())
        data[1344] ^= 1  # the last storage: all else was written before
        broken = self.folder / "broken.pt"
        broken.write_bytes(data)
        for name in ("a.pt", "a.safetensors"):
            self.fails(1, "Checksum error in record 'state_linear/data/1'", broken,
                       self.folder / name)
        self.assertEqual(self.files(), ["broken.pt"])

    def test_names_and_folders(self):
        self.fails(2, "the name does not tell the format", GOLDEN / "root_int.pt",
                   self.folder / "model")
        self.assertEqual(run("convert", GOLDEN / "root_int.pt", self.folder / "model", "--to",
                             "torch").returncode, 0)
        self.fails(2, "the folder cannot be opened", GOLDEN / "root_int.pt",
                   self.folder / "no/model.pt")
        self.fails(2, "No such file", self.folder / "none.pt", self.folder / "a.pt")
        self.fails(1, "argparse.Namespace", ROOT / "data/lesson/training.pt", self.folder / "a.pt")
        self.assertEqual(run("convert", "a.pt").returncode, 2)

    def large(self):
        """A safetensors file of 600 MB that takes no disk."""
        path = self.folder / "large.safetensors"
        count = 300_000_000
        header = json.dumps({"w": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]},
                             "v": {"dtype": "U8", "shape": [count],
                                   "data_offsets": [count, 2 * count]}}).encode()
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            for _ in range(2 * count // 1_000_000):
                file.write(bytes(1_000_000))
        return path

    def test_interrupted_leaves_nothing_and_shows_how_far_it_is(self):
        path = self.large()
        leader, follower = pty.openpty()
        process = subprocess.Popen([ROOT / "hardload", "convert", path, self.folder / "a.pt"],
                                   stdout=subprocess.PIPE, stderr=follower)
        os.close(follower)
        shown = os.read(leader, 1000)  # the first line of the bar: it has begun
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        try:
            while part := os.read(leader, 1000):
                shown += part
        except OSError:
            pass  # the end of a terminal
        os.close(leader)
        self.assertEqual((process.returncode, out), (2, b""), shown)
        self.assertIn(b" %, ", shown)
        self.assertIn(b" of 600.0 MB", shown)
        self.assertIn(b"stopped; no file was written", shown)
        self.assertEqual(self.files(), ["large.safetensors"])

    def test_memory_does_not_grow_with_the_file(self):
        process = subprocess.Popen([ROOT / "hardload", "convert", self.large(),
                                    self.folder / "a.pt"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        stderr = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        self.assertEqual((process.returncode, stderr), (0, b""))
        self.assertLess(usage.ru_maxrss, 64 << 10)  # KiB


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
