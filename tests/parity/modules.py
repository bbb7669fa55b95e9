"""Random modules, and a description of each from which C++ builds its twin.

A model is a function of its seed. `seen` counts what is in it. All elements are 7.
"""

import collections
import random

import torch

NAMES = ["fc", "conv", "norm", "encoder", "layers", "head", "weight", "bias", "scale", "a b", "ä€",
         "0", "1", "quo\"te", "it's", "back\\slash", "num_batches_tracked", "module", "model", "x"]
DTYPES = ["float32"] * 4 + ["float64", "float16", "bfloat16", "complex64", "int64", "int32", "uint8",
                            "bool", "float8_e5m2"]


class Net(torch.nn.Module):
    pass


class Model:
    LAYERS = ["linear", "convolution", "embedding", "layer norm", "prelu", "lstm", "attention",
              "batch norm", "instance norm", "without state", "null", "again", "sequential",
              "module list", "module dict", "net"]
    TENSORS = ["plain", "scalar", "one element", "empty", "transposed", "tied", "none", "on meta"]

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seen = collections.Counter()
        self.modules, self.parameters = [], []
        self.root = self.net(3)
        with torch.no_grad():
            for tensor in [*self.root.parameters(), *self.root.buffers()]:
                if not tensor.is_meta:
                    tensor.copy_(torch.full((), 7))

    def choose(self, group, names):
        name = self.random.choice(names)
        self.seen[f"{group} {name}"] += 1
        return name

    def net(self, depth):
        net = Net()
        names = self.random.sample(NAMES, k=self.random.randint(2, 7))
        for name in names:
            kind = self.random.choice(["parameter", "buffer", "layer", "layer"])
            if kind == "layer":
                layer = self.layer(depth - 1)
                net.add_module(name, layer)
                if layer is not None:
                    self.modules.append(layer)
            elif kind == "parameter":
                net.register_parameter(name, self.parameter())
            else:
                net.register_buffer(name, self.buffer())
        return net

    def parameter(self):
        kind = self.choose("parameter", [k for k in self.TENSORS if k != "tied"]
                           + ["tied"] * 3 * bool(self.parameters))
        if kind == "tied":
            return self.random.choice(self.parameters)
        if kind == "none":
            return None
        tensor = self.tensor(kind)
        learns = tensor.is_floating_point() or tensor.is_complex()
        self.parameters.append(torch.nn.Parameter(tensor, requires_grad=learns))
        return self.parameters[-1]

    def buffer(self):
        kind = self.choose("buffer", [k for k in self.TENSORS if k not in ("tied", "on meta")])
        return None if kind == "none" else self.tensor(kind)

    def tensor(self, kind):
        dtype = getattr(torch, self.choose("model's dtype", DTYPES))
        rows, columns = self.random.randint(2, 3), self.random.randint(2, 4)
        shape = {"scalar": (), "one element": (1,), "empty": self.random.choice([(0,), (3, 0)]),
                 "plain": self.random.choice([(columns,), (rows, columns), (2, rows, columns)])
                 }.get(kind, (rows, columns))
        if kind == "transposed":
            return torch.empty(shape[::-1], dtype=dtype).t()
        return torch.empty(shape, dtype=dtype, device="meta" if kind == "on meta" else "cpu")

    def layer(self, depth):
        r, nn = self.random, torch.nn
        inner = {"sequential", "module list", "module dict", "net"}
        kind = self.choose("layer", [k for k in self.LAYERS if (depth > 0 or k not in inner)
                                     and (k != "again" or self.modules)])
        yes, size = r.random() < 0.5, r.randint(1, 4)
        return {
            "linear": lambda: nn.Linear(size, 3, bias=yes),
            "convolution": lambda: nn.Conv2d(size, 2, 3) if yes else nn.ConvTranspose1d(size, 2, 3),
            "embedding": lambda: nn.Embedding(5, size),
            "layer norm": lambda: nn.LayerNorm(size, elementwise_affine=yes),
            "prelu": lambda: nn.PReLU(size),
            "lstm": lambda: nn.LSTM(size, 2, bidirectional=yes),
            "attention": lambda: nn.MultiheadAttention(size, 1, kdim=3 if yes else None),
            "batch norm": lambda: r.choice([nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d])(
                size, affine=yes, track_running_stats=r.random() < 0.7),
            "instance norm": lambda: r.choice(
                [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d])(
                    size, affine=yes, track_running_stats=r.random() < 0.5),
            "without state": nn.ReLU,
            "null": lambda: None,
            "again": lambda: r.choice(self.modules),
            "sequential": lambda: nn.Sequential(*self.layers(depth)),
            "module list": lambda: nn.ModuleList(self.layers(depth)),
            "module dict": lambda: nn.ModuleDict({f"part{i}": layer for i, layer
                                                  in enumerate(self.layers(depth))}),
            "net": lambda: self.net(depth),
        }[kind]()

    def layers(self, depth):
        made = [self.layer(depth - 1) for _ in range(self.random.randint(0, 3))]
        return [layer for layer in made if layer is not None]

    def description(self):
        """What tests/support/load_module.cc builds the twin from."""
        return _describe_module(self.root, {})


WANTED = ([f"layer {name}" for name in Model.LAYERS] +
          [f"parameter {name}" for name in Model.TENSORS] +
          [f"buffer {name}" for name in Model.TENSORS if name not in ("tied", "on meta")] +
          [f"model's dtype {name}" for name in DTYPES])


def _number(thing, numbers):
    return numbers.setdefault(id(thing), len(numbers))


def _describe_module(module, numbers):
    if module is None:
        return None
    described = {"number": _number(module, numbers)}
    if isinstance(module, torch.nn.modules.batchnorm._NormBase):
        return {**described, "norm": type(module).__name__, "features": module.num_features,
                "affine": module.affine, "track": module.track_running_stats}
    return {**described,
            "parameters": _describe_tensors(module._parameters, numbers),
            "buffers": _describe_tensors(module._buffers, numbers),
            "children": {name: _describe_module(child, numbers)
                         for name, child in module._modules.items()}}


def _describe_tensors(tensors, numbers):
    return {name: _describe_tensor(tensor, numbers) for name, tensor in tensors.items()}


def _describe_tensor(tensor, numbers):
    if tensor is None:
        return None
    described = {"number": _number(tensor, numbers), "shape": list(tensor.shape),
                 "dtype": str(tensor.dtype).removeprefix("torch."), "device": tensor.device.type}
    return described if tensor.is_contiguous() else {**described, "transposed": True}
