#!/usr/bin/python3
"""The command line: exact output, exit codes, and which stream gets what."""

import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

import jsonschema

ROOT = pathlib.Path.cwd()
GOLDEN = ROOT / "data/golden"


def hardload(*arguments, **options):
    return subprocess.run([ROOT / "hardload", *map(str, arguments)], capture_output=True,
                          timeout=60, **options)


def repacked(path, changes, **options):
    """The file with records changed in place by functions, and the records as they were."""
    with zipfile.ZipFile(path) as old:
        records = {name: old.read(name) for name in old.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as new:
        for name, content in records.items():
            content = bytearray(content)
            changes.get(name.split("/", 1)[1], lambda _: None)(content)
            new.writestr(name, bytes(content))
    return out.getvalue(), {name.split("/", 1)[1]: content for name, content in records.items()}


class Inspect(unittest.TestCase):
    def test_text(self):
        run = hardload("inspect", "data/golden/state_linear.pt")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout.decode(),
                         "data/golden/state_linear.pt: torch.save zip, 2 tensors in 2 storages, "
                         "440 bytes\n"
                         "  weight  float32  [10, 10]  400 bytes  cpu\n"
                         "  bias    float32  [10]       40 bytes  cpu\n"
                         "by dtype\n"
                         "  float32                  2 tensors  440 bytes\n"
                         "by device\n"
                         "  cpu                      2 tensors  440 bytes\n")
        self.assertEqual(run.stderr, b"")

    def test_text_of_safetensors(self):
        run = hardload("inspect", "data/golden/safetensors_metadata.safetensors")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(run.stdout.decode(),
                         "data/golden/safetensors_metadata.safetensors: safetensors, "
                         "1 tensor in 1 storage, 16 bytes\n"
                         "  é\\x0a\": 😀\\x00\\\\" + "x" * 8 + "..." + "x" * 33 + "\n"
                         "  w  float32  [4]   16 bytes  cpu\n"
                         "by dtype\n"
                         "  float32                   1 tensor   16 bytes\n"
                         "by device\n"
                         "  cpu                       1 tensor   16 bytes\n")

    def test_colour_on_a_terminal_alone(self):
        def on_terminal(**variables):
            master, terminal = os.openpty()
            environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
            subprocess.run([ROOT / "hardload", "inspect", GOLDEN / "state_conv_net.pt"],
                           stdout=terminal, check=True, env={**environment, **variables})
            os.close(terminal)
            output = b""
            try:
                while part := os.read(master, 4096):
                    output += part
            except OSError:  # the end of what a terminal says
                pass
            os.close(master)
            return output

        self.assertIn(b"\x1b[1m", on_terminal(TERM="xterm"))
        for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            plain = on_terminal(**variables)
            self.assertIn(b"by dtype", plain)
            self.assertNotIn(b"\x1b", plain)
        self.assertNotIn(b"\x1b", hardload("inspect", GOLDEN / "state_conv_net.pt").stdout)

    def test_json_of_every_golden_file_follows_the_schema(self):
        schema = json.loads((ROOT / "loader/cli/inspect.schema.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        files = sorted([*GOLDEN.glob("*.pt"), *GOLDEN.glob("*.safetensors"),
                        *(ROOT / "data/libtorch").glob("*.pt")])
        self.assertGreater(len(files), 100)
        for path in files:
            for flags in ([], ["--digest"]):
                run = hardload("inspect", path, "--format", "json", *flags)
                self.assertEqual(run.returncode, 0, (path, run.stderr))
                description = json.loads(run.stdout)
                jsonschema.validate(description, schema)
                for tensor in description["tensors"]:
                    self.assertEqual("sha256" in tensor, bool(flags), path)

    def test_text_reports_code_and_constants_of_torchscript(self):
        run = hardload("inspect", "data/libtorch/script_frozen.pt")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        head, code, constants = run.stdout.decode().splitlines()
        self.assertEqual(head, "data/libtorch/script_frozen.pt: TorchScript archive, 0 tensors in "
                               "0 storages, 0 bytes")
        self.assertRegex(code, r"^  \(code: 1 file, [0-9]+ bytes, not looked into\)$")
        self.assertRegex(constants, r"^  \(constants: 2 files, [0-9]+ bytes, not looked into\)$")

    def test_unlisted_names_are_refused_or_shown(self):
        path = ROOT / "data/lesson/training.pt"
        run = hardload("inspect", path)
        self.assertEqual(run.returncode, 1)
        for name in (b"argparse.Namespace", b"numpy.dtype", b"__main__.Mode", b"functools.partial"):
            self.assertIn(name, run.stderr)
        run = hardload("inspect", path, "--unlisted", "keep", "--format", "json", "--digest")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        description = json.loads(run.stdout)
        jsonschema.validate(description,
                            json.loads((ROOT / "loader/cli/inspect.schema.json").read_text()))
        self.assertEqual([t["name"] for t in description["tensors"]][:2],
                         ["state_dict.scale", "state_dict.steps"])
        values = description["values"]
        named = lambda name: {"$type": "class", "value": name}
        empty = {"$type": "tuple", "items": []}
        self.assertEqual(values["options"],
                         {"$type": "object", "callable": named("argparse.Namespace"),
                          "arguments": empty, "state": {"lr": 0.1, "itself": {"$type": "cycle"}}})
        self.assertEqual(values["history"], {"$type": "object", "callable": named("__main__.History"),
                                             "arguments": empty, "items": [1, 2]})
        self.assertEqual(values["groups"]["entries"], {"a": [1]})
        self.assertEqual(values["times"]["items"],
                         [[{"$type": "object", "callable": named("__main__.Mode"),
                            "arguments": [1]}, 1.5]])
        self.assertEqual(values["image"]["arguments"]["items"][1], named("__main__.Image"))

    def test_schema_refuses_what_inspect_does_not_write(self):
        schema = json.loads((ROOT / "loader/cli/inspect.schema.json").read_text())
        good = json.loads(hardload("inspect", GOLDEN / "state_linear.pt", "--format",
                                   "json").stdout)
        jsonschema.validate(good, schema)
        for change in ({"container": 1}, {"tensors": {}}, {"more": 1},
                       {"tensors": [dict(good["tensors"][0], shape=["3"])]},
                       {"tensors": [dict(good["tensors"][0], dtype="torch.float32")]},
                       {"values": {"$type": "unknown"}}):
            with self.assertRaises(jsonschema.ValidationError, msg=change):
                jsonschema.validate(dict(good, **change), schema)

    def test_names_are_escaped_in_text(self):
        run = hardload("inspect", GOLDEN / "tree_text.pt")
        self.assertEqual(run.returncode, 0)
        self.assertNotIn(b"\x1b", run.stdout)
        self.assertIn(b"esc\\x1b[31m\\x0a", run.stdout)
        self.assertIn("umlaut äöü".encode(), run.stdout)

    def test_standard_input_as_file_and_as_pipe(self):
        path = GOLDEN / "state_linear.pt"
        from_file = hardload("inspect", path, "--format", "json", "--digest").stdout
        with open(path) as file:
            self.assertEqual(
                hardload("inspect", "-", "--format", "json", "--digest", stdin=file).stdout,
                from_file)
        piped = hardload("inspect", "-", "--format", "json", "--digest", input=path.read_bytes())
        self.assertEqual(piped.stdout, from_file)


class Diff(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schemas = {name: json.loads((ROOT / f"loader/cli/{name}.schema.json").read_text())
                   for name in ("diff", "inspect")}
        jsonschema.Draft7Validator.check_schema(schemas["diff"])
        resolver = jsonschema.RefResolver("file:///diff.schema.json", schemas["diff"],
                                          {"file:///inspect.schema.json": schemas["inspect"]})
        cls.validator = jsonschema.Draft7Validator(schemas["diff"], resolver=resolver)

    def diff(self, a, b, *flags):
        """The exit status, which is that of the text, too, and the JSON."""
        text = hardload("diff", a, b, *flags)
        run = hardload("diff", a, b, "--format", "json", *flags)
        self.assertEqual((run.stderr, text.stderr), (b"", b""))
        self.assertEqual(run.returncode, text.returncode)
        last = text.stdout.decode().splitlines()[-1]
        self.assertTrue(last.startswith(("same: ", "different: ")[run.returncode]), last)
        found = json.loads(run.stdout)
        self.validator.validate(found)
        self.assertEqual(found["same"], run.returncode == 0)
        return run.returncode, found

    def test_every_golden_file_equals_itself_and_differs_from_either_side(self):
        files = sorted(GOLDEN.glob("*.pt"))
        for i, path in enumerate(files):
            run = hardload("diff", path, path, "--format", "json")
            self.assertEqual((run.returncode, run.stderr), (0, b""), path)
            self.validator.validate(json.loads(run.stdout))
            if i % 8:
                continue  # starting a program takes long under a sanitizer
            other = files[i - 1]
            there, back = self.diff(path, other), self.diff(other, path)
            self.assertEqual(there[0], back[0], (path, other))
            for key in ("tensors", "values"):
                self.assertEqual(len(there[1][key]), len(back[1][key]), (path, other))

    def test_the_container_is_no_difference(self):
        path = GOLDEN / "checkpoint_for_training.pt"
        with tempfile.NamedTemporaryFile() as file:
            file.write(repacked(path, {}, compression=zipfile.ZIP_DEFLATED)[0])
            file.flush()
            self.assertEqual(self.diff(path, file.name)[0], 0)

    def test_text(self):
        weight = lambda bytes: struct.pack_into("<f", bytes, 92, 2.0)
        bias = lambda bytes: struct.pack_into("<f", bytes, 4, float("nan"))
        data, old = repacked(GOLDEN / "state_linear.pt", {"data/0": weight, "data/1": bias})
        was, = struct.unpack_from("<f", old["data/0"], 92)
        run = hardload("diff", "data/golden/state_linear.pt", "-", input=data)
        self.assertEqual((run.returncode, run.stderr), (1, b""))
        lines = run.stdout.decode().splitlines()
        self.assertEqual(lines[:3],
                         ["A: data/golden/state_linear.pt: torch.save zip, version 3, 2 tensors",
                          "B: standard input: torch.save zip, version 3, 2 tensors", "  weight"])
        shown = re.fullmatch(r"    1 of 100 elements differs; first at \[2, 3\]: (\S+) against 2",
                             lines[3])
        self.assertEqual(struct.pack("<f", float(shown[1])), struct.pack("<f", was))
        largest = re.fullmatch(r"    largest difference: absolute (\S+), relative (\S+)", lines[4])
        self.assertAlmostEqual(float(largest[1]), abs(2 - was), 5)
        self.assertAlmostEqual(float(largest[2]), abs(2 - was) / 2, 5)
        self.assertEqual(lines[5], "  bias")
        self.assertIn("first at [1]: ", lines[6])
        self.assertEqual(lines[7:], [
            "    1 NaN on one side alone",
            "different: 2 tensors (0 only in A, 0 only in B), 0 other values"])

    def test_packed_elements_are_counted_in_bytes_and_found_by_index(self):
        path = GOLDEN / "quantized_below_a_byte.pt"
        tensors = json.loads(hardload("inspect", path, "--format", "json").stdout)["tensors"]
        tensor = next(t for t in tensors if t["dtype"] == "quint4x2" and len(t["shape"]) == 2)
        row = (tensor["shape"][1] + 1) // 2  # in bytes

        def change(content):
            content[tensor["offset"] + 2 * row - 1] ^= 1

        data, _ = repacked(path, {"data/" + tensor["storage"]: change})
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            status, found = self.diff(path, file.name)
        self.assertEqual(status, 1)
        elements = next(t for t in found["tensors"]
                        if t["name"] == tensor["name"])["differences"][0]["elements"]
        self.assertEqual(elements, {"compared": tensor["nbytes"], "differing": 1,
                                    "first": [1, 2 * (row - 1)]})

    def test_tolerance(self):
        a, b = GOLDEN / "state_linear.pt", GOLDEN / "state_half.pt"
        self.assertEqual(self.diff(a, a, "--rtol", "0")[1]["atol"], 0)
        self.assertEqual(self.diff(a, b, "--rtol", "1e-3", "--atol", "1e9")[0], 1)  # shapes

    def test_damage_and_refusal_are_trouble(self):
        path = GOLDEN / "state_linear.pt"
        data = bytearray(path.read_bytes())
        data[1344] ^= 1
        for content in (data, data[:-1], b"text"):
            run = hardload("diff", path, "-", input=bytes(content))
            self.assertEqual((run.returncode, run.stdout), (2, b""))
            self.assertIn(b"standard input", run.stderr)
        training = ROOT / "data/lesson/training.pt"
        self.assertEqual(hardload("diff", training, training).returncode, 2)
        self.assertEqual(self.diff(training, training, "--unlisted", "keep")[0], 0)

    def test_usage(self):
        path = GOLDEN / "state_linear.pt"
        for arguments in ([path], [path, path, path], ["-", "-"], [path, path, "--rtol", "-1"],
                          [path, path, "--atol", "nan"], [path, path, "--rtol", "x"]):
            run = hardload("diff", *arguments, input=path.read_bytes())
            self.assertEqual((run.returncode, run.stdout), (2, b""), arguments)
            self.assertNotEqual(run.stderr, b"", arguments)


class Verify(unittest.TestCase):
    def test_fine(self):
        run = hardload("verify", "data/golden/state_linear.pt")
        self.assertEqual((run.returncode, run.stdout.decode(), run.stderr),
                         (0, "data/golden/state_linear.pt: fine; 2 tensors, 440 bytes, 8 records\n",
                          b""))

    def test_says_what_was_not_verified(self):
        run = hardload("verify", GOLDEN / "saved_without_crc.pt")
        self.assertEqual(run.returncode, 0)
        self.assertIn(b"of them saved without CRC-32 and not verified", run.stdout)

    def test_says_that_safetensors_cannot_be_verified(self):
        run = hardload("verify", "data/golden/safetensors_tied.safetensors")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(run.stdout.decode(),
                         "data/golden/safetensors_tied.safetensors: fine; 2 tensors, 36 bytes, "
                         "2 records, 2 of them saved without CRC-32 and not verified\n")

    def test_names_every_damaged_record_on_a_line(self):
        data = bytearray((GOLDEN / "state_linear.pt").read_bytes())
        # The offsets that torch's own tests assert for Linear(10, 10).
        data[832] ^= 1
        data[1344] ^= 1
        run = hardload("verify", "-", input=bytes(data))
        self.assertEqual(run.returncode, 1)
        lines = run.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2, lines)
        for line, record in zip(lines, ("data/0", "data/1")):
            self.assertIn(f"standard input: Checksum error in record 'state_linear/{record}'", line)
        self.assertEqual(run.stderr, b"")

    def test_findings_go_to_stdout_of_verify_and_refusals_to_stderr_of_inspect(self):
        data = (GOLDEN / "state_linear.pt").read_bytes()[:-1]
        verify, inspect = (hardload(c, "-", input=data) for c in ("verify", "inspect"))
        self.assertEqual((verify.returncode, inspect.returncode), (1, 1))
        self.assertEqual((verify.stderr, inspect.stdout), (b"", b""))
        self.assertIn(b"cut short", verify.stdout)
        self.assertEqual(verify.stdout, inspect.stderr)


def safetensors(tensors):
    """A file of uint8 tensors."""
    header, data = {}, b""
    for name, content in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(content)],
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


class Shards(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.index = self.folder / "model.safetensors.index.json"
        (self.folder / "1").write_bytes(safetensors({"a": b"aa", "b": b""}))
        (self.folder / "2").write_bytes(safetensors({"c": b"ccc"}))
        self.write_index({"c": "2", "a": "1", "b": "1"})

    def write_index(self, weight_map, total_size=5):
        self.index.write_text(json.dumps({"metadata": {"total_size": total_size},
                                          "weight_map": weight_map}))

    def test_inspect(self):
        for path in (self.folder, self.index):
            run = hardload("inspect", path)
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            self.assertEqual(run.stdout.decode(),
                             f"{path}: safetensors, 2 shards, 3 tensors in 3 storages, 5 bytes\n"
                             "  c  uint8  [3]    3 bytes  cpu\n"
                             "  a  uint8  [2]    2 bytes  cpu\n"
                             "  b  uint8  [0]    0 bytes  cpu\n"
                             "by dtype\n"
                             "  uint8                    3 tensors    5 bytes\n"
                             "by device\n"
                             "  cpu                      3 tensors    5 bytes\n")

    def test_json_says_where_in_which_file(self):
        run = hardload("inspect", self.folder, "--format", "json", "--digest")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        description = json.loads(run.stdout)
        jsonschema.validate(description,
                            json.loads((ROOT / "loader/cli/inspect.schema.json").read_text()))
        self.assertEqual(description["shards"], ["2", "1"])
        a = description["tensors"][1]
        self.assertEqual(a["storage"], "1/a")
        at = a["file_offset"]
        self.assertEqual((self.folder / "1").read_bytes()[at:at + 2], b"aa")

    def test_verify(self):
        for total_size, note in ((5, ""), (5.0, ""), (6, ", though the index says total_size 6"),
                                 (-1, ", though the index says total_size -1")):
            self.write_index({"c": "2", "a": "1", "b": "1"}, total_size)
            run = hardload("verify", self.folder)
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            self.assertEqual(run.stdout.decode(),
                             f"{self.folder}: fine; 3 tensors, 5 bytes, 3 records, 2 of them saved "
                             f"without CRC-32 and not verified{note}\n")

    def test_findings_name_the_shard(self):
        for name in ("1", "2"):
            path = self.folder / name
            path.write_bytes(path.read_bytes()[:-1])
        run = hardload("verify", self.folder)
        self.assertEqual((run.returncode, run.stderr), (1, b""))
        lines = run.stdout.decode().splitlines()
        self.assertEqual([line.split(":")[0] for line in lines],
                         [f"{self.folder}/2", f"{self.folder}/1"])

    def test_refusals(self):
        for weight_map, kind in (({"c": "2", "a": "1"}, "Key"), ({"c": "../2"}, "Name"),
                                 ({"c": 2}, "Container")):
            self.write_index(weight_map)
            for command in ("inspect", "verify"):
                run = hardload(command, self.folder)
                self.assertEqual(run.returncode, 1, (command, weight_map))
                self.assertIn(f"{kind} error", (run.stdout + run.stderr).decode())
        self.write_index({"c": "absent"})
        self.assertEqual(hardload("inspect", self.folder).returncode, 2)

    def test_strict_follows_no_link(self):
        (self.folder / "2").rename(self.folder / "real")
        (self.folder / "2").symlink_to("real")
        for command in ("inspect", "verify"):
            self.assertEqual(hardload(command, self.folder).returncode, 0)
            run = hardload(command, self.folder, "--strict")
            self.assertEqual((run.returncode, run.stdout), (1, b""))
            self.assertIn(f"{self.folder}/2: Name error".encode(), run.stderr)


class Trouble(unittest.TestCase):
    """Exit code 2: the file cannot be read, the output not be written, the usage is wrong."""

    def test_unreadable(self):
        for path in ("no-such-file.pt", ".", "/dev/null"):
            for command in ("inspect", "verify"):
                run = hardload(command, path)
                self.assertEqual(run.returncode, 2, (command, path))
                self.assertEqual(run.stdout, b"")
                self.assertIn(path.encode(), run.stderr)

    def test_pipe_as_path_does_not_block(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "pipe")
            os.mkfifo(path)
            run = hardload("verify", path)
            self.assertEqual(run.returncode, 2)
            self.assertIn(b"this is a pipe", run.stderr)

    def test_usage(self):
        for arguments in ([], ["load"], ["inspect"], ["inspect", "a", "b"], ["verify", "--fast", "a"],
                          ["inspect", "a", "--format", "yaml"]):
            run = hardload(*arguments)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertEqual(run.stdout, b"", arguments)
            self.assertNotEqual(run.stderr, b"", arguments)

    def test_file_without_command(self):
        run = hardload("data/golden/state_linear.pt")
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"Usage: hardload inspect FILE", run.stderr)

    def test_device_is_no_option(self):
        for arguments in (["--device", "cpu"], ["--device=cuda:0"]):
            run = hardload("inspect", GOLDEN / "state_linear.pt", *arguments)
            self.assertEqual(run.returncode, 2)
            self.assertIn(b"--map-location", run.stderr)
        self.assertNotIn(b"--map-location", hardload("inspect", "--devices").stderr)

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            run = subprocess.run([ROOT / "hardload", "inspect", GOLDEN / "state_linear.pt"],
                                 stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"could not be written", run.stderr)

    def test_help(self):
        for arguments in (["--help"], ["inspect", "--help"]):
            run = hardload(*arguments)
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            self.assertNotEqual(run.stdout, b"")

    def test_version(self):
        version, = re.findall('kVersion = "([0-9.]+)"',
                              (ROOT / "loader/base/version.h").read_text())
        run = hardload("--version")
        self.assertEqual((run.returncode, run.stdout.decode(), run.stderr),
                         (0, f"hardload {version}\n", b""))


class Budget(unittest.TestCase):
    """C03 of the attack catalogue: 2 KB that declare a stored record of 2.2 GB, which LibTorch 2.11
    reads out of bounds."""

    def test_typed_error_in_little_memory(self):
        data = bytearray((GOLDEN / "state_linear.pt").read_bytes())
        entry = data.index(b"state_linear/data/0", data.index(b"PK\x01\x02")) - 46
        for field in (20, 24):  # stored and plain size, in the central directory
            data[entry + field:entry + field + 4] = (2_200_000_000).to_bytes(4, "little")
        self.assertLess(len(data), 2500)
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            process = subprocess.Popen([ROOT / "hardload", "verify", file.name],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            stdout, stderr = process.stdout.read(), process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            process.stdout.close()
            process.stderr.close()
        self.assertEqual((process.returncode, stderr), (1, b""))
        self.assertIn(b"Bounds error in record 'state_linear/data/0'", stdout)
        self.assertIn(b"2200000000 bytes", stdout)
        self.assertLess(usage.ru_maxrss, 64 << 10)  # KiB


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
