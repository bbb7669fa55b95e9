#!/usr/bin/env python3
"""Compares `hardload convert` with the real torch and the real safetensors, on random objects.

usage: convert.py [TREES] [FIRST_SEED]      (default: 300 from seed 0; see README.md)

For each seed: a random tree (trees.py) written by torch is converted to an archive of torch, and
what torch reads from that has to be the same, with the same objects in the same places. A random
flat state dict is converted to safetensors, which has to be the file that the real library writes;
then back, and that back again; and one of views and shared memory, whose copies have to hold what
torch says the views hold; and in shards, as huggingface_hub's split.
"""

import json
import random
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
import safetensors.torch  # noqa: E402
import torch  # noqa: E402

sys.path[:0] = ["tests/parity", "data/golden"]
import comparison  # noqa: E402
import describe  # noqa: E402
import parity  # noqa: E402
import trees  # noqa: E402

OF_SAFETENSORS = [name for name in trees.DTYPES
                  if name not in ("complex128", "complex32") and not name.startswith("bits")]


def convert(*arguments):
    run = subprocess.run([parity.HARDLOAD, "convert", *map(str, arguments)], capture_output=True)
    return run.returncode, run.stderr.decode()


def raw(tensor):
    whole = tensor.clone(memory_format=torch.contiguous_format).untyped_storage()
    return bytes(whole[:tensor.numel() * tensor.itemsize].tolist())


class Conversions(comparison.Comparison):
    THINGS, COUNT = "seeds", 300
    WANTED = trees.WANTED + [f"flat {name}" for name in OF_SAFETENSORS] + [
        "trees that are equal", "safetensors that are equal", "views that are equal",
        "splits that are equal"]

    def compare_batch(self, seeds, folder):
        for seed in seeds:
            self.random = random.Random(seed)
            self.tree(seed, folder)
            self.flat(seed, folder)
            self.views(seed, folder)

    def tree(self, seed, folder):
        tree = trees.Tree(seed)
        path, copy = folder / "tree.pt", folder / "copy" / "tree.pt"
        copy.parent.mkdir(exist_ok=True)
        try:
            torch.save(tree.root(), str(path))
        except (RuntimeError, NotImplementedError):
            self.seen["trees that torch does not save"] += 1
            return
        code, message = convert(path, copy, "--overwrite")
        if code != 0:
            return self.fault(seed, "hardload does not convert the tree", message)
        expected = describe.describe(str(path))
        got = describe.describe(str(copy))
        a, b = [parity.without(d, parity.OF_THE_FILE) for d in (expected, got)]
        if parity.text(a) != parity.text(b):
            return self.fault(seed, "torch reads otherwise", *parity.difference(b, a))
        a, b = [parity.objects(torch.load(str(p), weights_only=False)) for p in (path, copy)]
        if a != b:
            return self.fault(seed, "torch reads other objects")
        if parity.reads_with_weights_only(str(path)):
            torch.load(str(copy), weights_only=True)
            self.seen["trees that weights_only reads"] += 1
        self.seen["trees that are the same bytes"] += path.read_bytes() == copy.read_bytes()
        self.seen["trees that are equal"] += 1
        self.seen += tree.seen

    def name(self):
        return "".join(self.random.choices('abcxyz.01_ä€\U0001f525"\\\n\x01\x7f', k=12))

    def flat(self, seed, folder):
        state = {}
        for _ in range(self.random.randint(0, 12)):
            dtype = self.random.choice(OF_SAFETENSORS)
            shape = self.random.choices([0, 1, 2, 3, 5], [1, 4, 4, 4, 4], k=self.random.randint(0, 3))
            if dtype == "float4_e2m1fn_x2" and not shape:
                shape = [1]
            bits = trees.Tree(self.random.random()).bits(getattr(torch, dtype),
                                                         torch.Size(shape).numel())
            state[self.name()] = bits.view(shape)
            self.seen["flat " + dtype] += 1
        saved, ours, theirs = folder / "flat.pt", folder / "ours.safetensors", folder / "theirs"
        torch.save(state, str(saved))
        safetensors.torch.save_file(state, str(theirs), metadata={"format": "pt"})
        code, message = convert(saved, ours, "--overwrite")
        if code != 0 or ours.read_bytes() != theirs.read_bytes():
            return self.fault(seed, "the safetensors file is another one", message)
        back, again = folder / "flat" / "flat.pt", folder / "again.safetensors"
        back.parent.mkdir(exist_ok=True)
        for step in ((theirs, back), (back, again)):
            code, message = convert(*step, "--overwrite")
            if code != 0:
                return self.fault(seed, "hardload does not convert it", message)
        loaded = torch.load(str(back), weights_only=True)
        if {k: (v.dtype, v.shape, raw(v)) for k, v in loaded.items()} != {
                k: (v.dtype, v.shape, raw(v)) for k, v in state.items()}:
            return self.fault(seed, "torch reads otherwise from safetensors")
        if again.read_bytes() != theirs.read_bytes():
            return self.fault(seed, "safetensors to torch and back is another file")
        self.seen["safetensors that are equal"] += 1
        self.shards(seed, folder, state, saved)

    def shards(self, seed, folder, state, saved):
        import huggingface_hub
        most = self.random.randint(1, 200)
        split = huggingface_hub.split_torch_state_dict_into_shards(state, max_shard_size=most)
        # It may begin with a shard of nothing, which nobody can want, and takes all tensors without
        # elements for one that is shared.
        if (not split.is_sharded or sum(not tensor.numel() for tensor in state.values()) > 1 or
                not all(split.filename_to_tensors.values())):
            return
        theirs, ours = folder / "shards_theirs", folder / "shards_ours"
        for path in (theirs, ours):
            path.mkdir(exist_ok=True)
            for file in path.iterdir():
                file.unlink()
        for file, names in split.filename_to_tensors.items():
            safetensors.torch.save_file({n: state[n] for n in names}, str(theirs / file),
                                        metadata={"format": "pt"})
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        (theirs / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
        code, message = convert(saved, ours / "model.safetensors", "--max-shard-size", most)
        files = [{file.name: file.read_bytes() for file in path.iterdir()} for path in (theirs, ours)]
        if code != 0 or files[0] != files[1]:
            return self.fault(seed, "the shards are others", message, sorted(files[0]),
                              sorted(files[1]))
        self.seen["splits that are equal"] += 1

    def views(self, seed, folder):
        tree, state = trees.Tree(seed), {}
        for i in range(6):
            tensor = tree.view()
            if str(tensor.dtype).removeprefix("torch.") in OF_SAFETENSORS and not (
                    tensor.dtype is torch.float4_e2m1fn_x2 and tensor.dim() == 0):
                state[f"t{i}"] = tensor
        state["tied"] = state[min(state)] if state else torch.zeros(1)
        path, ours = folder / "views.pt", folder / "views.safetensors"
        torch.save(state, str(path))
        code, _ = convert(path, folder / "refused.safetensors")
        if code != (1 if len(state) > 1 else 0) and any(t.numel() for t in state.values()):
            return self.fault(seed, "shared memory is lost without a word")
        code, message = convert(path, ours, "--overwrite", "--allow-loss")
        if code != 0:
            return self.fault(seed, "hardload does not convert views", message)
        loaded = safetensors.torch.load_file(str(ours))
        for name, tensor in state.items():
            plain = tensor.resolve_conj().resolve_neg()
            if raw(plain) != raw(loaded[name]) or plain.shape != loaded[name].shape:
                return self.fault(seed, "a view holds other bits", name, plain, loaded[name])
        self.seen["views that are equal"] += 1


if __name__ == "__main__":
    assert torch.__version__.startswith("2.11.0"), torch.__version__
    sys.set_int_max_str_digits(0)
    Conversions().run()
