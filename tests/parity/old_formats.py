#!/usr/bin/env python3
"""Compares hardload with the real torch on random objects in the formats before torch 1.6.

usage: old_formats.py [TREES] [FIRST_SEED]      (default: 800 trees from seed 0; see README.md)

For each seed: torch writes a random object (trees.py) as a legacy stream, and the same tensors are
written as torch 0.1 wrote a tar (data/malformed/old_writer.py). What `hardload inspect` says of
each has to be what torch says of it (data/golden/describe.py); what torch reads from the copy that
hardload saves of the first has to be the same objects.
"""

import json
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden", "data/malformed"]
import comparison  # noqa: E402
import describe  # noqa: E402
import old_writer as old  # noqa: E402
import parity  # noqa: E402
import trees  # noqa: E402

# What torch 0.1 had.
CLASSES = {"float64": "Double", "float32": "Float", "float16": "Half", "int64": "Long",
           "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte"}


class OldTree(trees.Tree):
    """Of what the legacy stream can hold: no dtypes that have no storage class, and no storages that
    are seen in two types, nor any by itself, which torch writes but does not read."""

    DTYPES = [name for name in trees.DTYPES
              if not name.startswith(("uint1", "uint3", "uint6", "float8", "float4", "bits",
                                      "complex32"))]
    TENSORS = [name for name in trees.Tree.TENSORS if name != "same_bytes"]
    VALUES = [name for name in trees.Tree.VALUES if name != "storage"]

    def dtype(self, names=trees.DTYPES):
        return super().dtype([name for name in names
                              if name in self.DTYPES or name not in trees.DTYPES])


def as_tar(tensors):
    """A dict of these tensors, in the form of torch 0.1: every second storage that is large enough is
    the slice of a larger one."""
    storages, slices, saved, entries = {}, [], [], []
    for i, (key, tensor) in enumerate(tensors.items()):
        storage = tensor.untyped_storage()
        number = storage._cdata
        name = CLASSES[str(tensor.dtype).removeprefix("torch.")] + "Storage"
        item = tensor.dtype.itemsize
        if number not in storages:
            content = bytes(storage)
            content += bytes(-len(content) % item)
            if len(storages) % 2:
                slices.append((number, number + 1, 1, len(content) // item))
                storages[number] = old.saved_storage(number + 1, bytes(item) + content + bytes(item),
                                                     name, item)
            else:
                storages[number] = old.saved_storage(number, content, name, item)
        saved.append(old.saved_tensor(i, number, tensor.shape, tensor.stride(),
                                      tensor.storage_offset()))
        entries.append((old.text(key), old.saved(i)))
    return old.tar_file(code=old.mapping(*entries), storages=list(storages.values()),
                        tensors=saved, view=slices)


class OldFormats(comparison.Comparison):
    THINGS, COUNT = "trees", 800
    WANTED = ["streams that are equal both ways", "tars that are equal", "slices of storages",
              *[f"dtype {name}" for name in OldTree.DTYPES + trees.QUANTIZED],
              *[f"tensor {name}" for name in OldTree.TENSORS],
              *[f"view {name}" for name in OldTree.VIEWS]]

    def compare_batch(self, seeds, folder):
        made = {}
        (folder / "copies").mkdir()
        for seed in seeds:
            tree = OldTree(seed)
            path = folder / f"tree{seed}.pt"
            root = tree.root()
            try:
                torch.save(root, str(path), _use_new_zipfile_serialization=False)
                torch.load(str(path), weights_only=False)
            except (RuntimeError, NotImplementedError, AttributeError, ValueError) as refusal:
                self.seen["trees that torch does not save, or read"] += 1
                print(f"seed {seed}: torch does not save or read this: {str(refusal)[:100]}")
                path.unlink(missing_ok=True)
            else:
                made[path] = seed, tree.seen
            self.compare_tar(seed, tree, folder / f"tar{seed}.pt")
        pairs = [name for path in made for name in (path, folder / "copies" / path.name)]
        resaved = subprocess.run([parity.RESAVE, *pairs], capture_output=True, text=True)
        for path, (seed, seen) in made.items():
            if self.compare_stream(seed, path, folder / "copies" / path.name, resaved.stderr):
                self.seen += seen

    def compare_file(self, seed, path):
        """Whether hardload says of the file what torch says of it."""
        expected = json.loads(describe.text(describe.describe(str(path))))
        run = subprocess.run([parity.HARDLOAD, "inspect", path, "--format", "json", "--digest"],
                             capture_output=True)
        if run.returncode != 0:
            return self.fault(seed, f"hardload refuses {path.name}", run.stderr.decode())
        got = json.loads(run.stdout)
        if parity.text(got) != parity.text(expected):
            return self.fault(seed, f"hardload reads {path.name} otherwise",
                              *parity.difference(got, expected))
        return True

    def compare_stream(self, seed, path, copy, messages):
        if not self.compare_file(seed, path):
            return False
        if not copy.exists():
            reason = next((line for line in messages.splitlines() if line.startswith(str(path))), "")
            return self.fault(seed, "hardload does not save it", reason)
        a, b = [parity.objects(torch.load(str(file), weights_only=False)) for file in (path, copy)]
        if a != b:
            return self.fault(seed, "hardload wrote, torch reads other objects")
        self.seen["streams that are equal both ways"] += 1
        return True

    def compare_tar(self, seed, tree, path):
        plain = {f"t{i}": tensor for i, tensor in enumerate(tree.tensors)
                 if tensor.layout is torch.strided and not tensor.is_meta and not tensor.is_quantized
                 and not tensor.is_conj() and not tensor.is_neg()
                 and str(tensor.dtype).removeprefix("torch.") in CLASSES
                 and tensor.untyped_storage().nbytes() % tensor.dtype.itemsize == 0}
        if not plain:
            return
        content = as_tar({key: tensor.detach() for key, tensor in plain.items()})
        path.write_bytes(content)
        if self.compare_file(seed, path):
            self.seen["tars that are equal"] += 1
            self.seen["slices of storages"] += len(plain) > 1


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    sys.set_int_max_str_digits(0)
    OldFormats().run()
