"""Random objects as people and scripts put them into torch.save.

A tree is a function of its seed. `seen` counts what is in it, so that a run can tell whether it has
compared everything that it claims to compare.
"""

import collections
import random

import torch

DTYPES = [
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex128", "complex64", "complex32", "uint16", "uint32", "uint64", "float8_e5m2",
    "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
    "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"]
GRADIENT = {"float64", "float32", "float16", "bfloat16", "complex128", "complex64"}


class Tree:
    """One tree, from one seed."""

    VIEWS = ["whole", "transposed", "permuted", "narrowed", "stepped", "expanded", "overlapping",
             "as_strided", "row", "element", "conjugated", "negated", "of_other_size", "empty"]
    TENSORS = ["view", "again", "same_storage", "same_bytes", "parameter", "meta", "sparse_coo",
               "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "hybrid",
               "quantized_per_tensor", "quantized_per_channel", "quantized_with_floats",
               "quantized_below_a_byte"]
    CONTAINERS = ["dict", "ordered_dict", "list", "tuple", "set", "counter", "size", "again",
                  "cycle", "metadata"]
    VALUES = ["none", "bool", "small_int", "large_int", "huge_int", "float", "special_float",
              "complex", "text", "surrogate", "control", "bytes", "bytearray", "dtype", "device",
              "layout", "qscheme", "storage"]
    KEYS = ["text", "int", "none", "tuple", "float", "bytes"]
    DTYPES_OF_VIEW = {
        # Where torch's arithmetic leaves the bits of a NaN as they are: it conjugates complex32 by
        # way of float32, and negates complex numbers in different ways.
        "conjugated": ["complex64", "complex128"],
        "negated": ["float64", "float32", "int64"],
    }

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seen = collections.Counter()
        self.tensors, self.containers = [], []

    def choose(self, group, names):
        name = self.random.choice(names)
        self.seen[f"{group} {name}"] += 1
        return name

    # Tensors.
    def bits(self, dtype, count):
        data = bytearray(self.random.randbytes(max(1, count * dtype.itemsize)))
        return torch.frombuffer(data, dtype=torch.uint8)[:count * dtype.itemsize].clone().view(dtype)

    def dtype(self, names=DTYPES):
        return getattr(torch, self.choose("dtype", names))

    def view(self):
        kind = self.choose("view", self.VIEWS)
        rows, columns = self.random.randint(1, 5), self.random.randint(2, 5)
        base = self.bits(self.dtype(self.DTYPES_OF_VIEW.get(kind, DTYPES)), rows * columns * 2)
        matrix = base[:rows * columns].view(rows, columns)
        if kind == "transposed":
            return matrix.t()
        if kind == "permuted":
            return base.view(rows, 2, columns).permute(2, 0, 1)
        if kind == "narrowed":
            return matrix[rows // 2:, :columns - 1]
        if kind == "stepped":
            return base[1::3]
        if kind == "expanded":
            return matrix[:1].expand(3, columns)
        if kind == "overlapping":
            return base.unfold(0, 2, 1)
        if kind == "as_strided":
            return torch.as_strided(base, (2, 1, columns), (columns, 77, 1), rows - 1)
        if kind == "row":
            return matrix[-1]
        if kind == "element":
            return matrix[0, 0]
        if kind == "conjugated":
            return matrix.conj()
        if kind == "negated":
            return torch._neg_view(matrix)
        if kind == "of_other_size":
            return base.view(torch.uint8)[:5]
        if kind == "empty":
            return base[:0].view(0, self.random.randint(0, 3))
        return matrix

    def plain(self, *shape, choices=(0., 0., 1., 2.5, -3.)):
        """Numbers that arithmetic can be done with."""
        count = torch.Size(shape).numel()
        return torch.tensor([self.random.choice(choices) for _ in range(count)]).view(shape)

    def positive(self, count):
        return self.plain(count, choices=(0.1, 0.25, 0.7, 1.5))

    def tensor(self):
        strided = [t for t in self.tensors if t.layout is torch.strided and not t.is_meta
                   and not t.is_quantized and t.dim() > 0 and type(t) is torch.Tensor]
        untyped = [t for t in strided if str(t.dtype).startswith(("torch.float8", "torch.bits8"))]
        needed = {"again": self.tensors, "same_storage": strided, "same_bytes": untyped}
        possible = [kind for kind in self.TENSORS if needed.get(kind, True)]
        kind = self.choose("tensor", possible + ["view"] * 10)
        if kind == "again":
            return self.random.choice(self.tensors)
        if kind == "same_storage":
            return self.random.choice(strided).detach()[:1]
        if kind == "same_bytes":
            return self.random.choice(untyped).view(torch.uint8)
        made = self.new_tensor(kind)
        self.tensors.append(made)
        return made

    def new_tensor(self, kind):
        rows, columns = self.random.randint(1, 3) * 2, self.random.randint(1, 3) * 2
        if kind == "parameter":
            return torch.nn.Parameter(self.plain(rows, columns).t(),
                                      requires_grad=self.random.random() < 0.7)
        if kind == "meta":
            return torch.empty(rows, columns, dtype=self.dtype(), device="meta").t()
        if kind == "hybrid":
            return torch.sparse_coo_tensor([[1, 0]], self.plain(2, columns), (rows, columns))
        if kind == "sparse_coo":
            made = self.plain(rows, columns).to_sparse()
            return made if self.random.random() < 0.5 else torch.sparse_coo_tensor(
                torch.cat([made.indices(), made.indices()], 1), torch.cat([made.values()] * 2),
                made.shape)
        if kind in ("sparse_csr", "sparse_csc"):
            return getattr(self.plain(rows, columns), "to_" + kind)()
        if kind in ("sparse_bsr", "sparse_bsc"):
            return getattr(self.plain(rows, columns), "to_" + kind)((2, self.random.choice([1, 2])))
        if kind == "quantized_per_tensor":
            made = torch.quantize_per_tensor(self.plain(rows, columns), 0.25, 3,
                                             self.dtype(["quint8", "qint8", "qint32"]))
            return made.t() if self.random.random() < 0.5 else made
        if kind == "quantized_per_channel":
            return torch.quantize_per_channel(self.plain(rows, columns),
                                              self.positive(columns).double(),
                                              torch.arange(columns), 1, self.dtype(["qint8"]))
        if kind == "quantized_with_floats":
            return torch.quantize_per_channel(self.plain(rows, columns), self.positive(rows),
                                              self.positive(rows), 0, self.dtype(["quint8"]))
        if kind == "quantized_below_a_byte":
            return torch.quantize_per_channel(self.plain(rows, columns + 1), torch.ones(rows),
                                              torch.zeros(rows) + 1, 0,
                                              self.dtype(["quint4x2", "quint2x4"]))
        made = self.view()
        name = str(made.dtype).removeprefix("torch.")
        if name in GRADIENT and not made.is_conj() and not made.is_neg():
            made.requires_grad_(self.random.random() < 0.3)
        return made

    # Values.
    def value(self):
        kind = self.choose("value", self.VALUES)
        r = self.random
        return {
            "none": lambda: None, "bool": lambda: r.random() < 0.5,
            "small_int": lambda: r.randint(-300, 70000),
            "large_int": lambda: r.choice([1, -1]) * r.getrandbits(r.randint(31, 63)),
            "huge_int": lambda: r.choice([1, -1]) * r.getrandbits(r.randint(64, 1500)),
            "float": r.random,
            "special_float": lambda: r.choice([float("nan"), float("inf"), -float("inf"), -0.0]),
            "complex": lambda: complex(r.random(), -r.random()),
            "text": lambda: "".join(r.choices("abcäöü.\u20ac\U0001f525", k=r.randint(0, 8))),
            "surrogate": lambda: "\ud800" + r.choice("ab"),
            "control": lambda: r.choice(["\x1b[31m", "\n", "\x00", "\u202e"]),
            "bytes": lambda: r.randbytes(r.randint(0, 9)),
            "bytearray": lambda: bytearray(r.randbytes(r.randint(0, 9))),
            "dtype": lambda: getattr(torch, r.choice(DTYPES)),
            "device": lambda: torch.device(r.choice(["cpu", "meta", "cuda:1", "cuda"])),
            "layout": lambda: r.choice([torch.strided, torch.sparse_coo]),
            "qscheme": lambda: torch.per_tensor_affine,
            "storage": lambda: self.bits(torch.uint8, r.randint(1, 4)).untyped_storage(),
        }[kind]()

    def key(self):
        kind = self.choose("key", self.KEYS)
        r = self.random
        return {"text": lambda: "".join(r.choices("abc.ä", k=r.randint(1, 6))),
                "int": lambda: r.randint(-5, 300), "none": lambda: None,
                "tuple": lambda: (r.randint(0, 9), "k"), "float": lambda: r.randint(0, 50) + 0.5,
                "bytes": lambda: r.randbytes(3)}[kind]()

    def node(self, depth):
        roll = self.random.random()
        if depth == 0 or roll < 0.25:
            return self.value() if self.random.random() < 0.5 else self.tensor()
        if roll < 0.5:
            return self.tensor()
        return self.container(depth)

    def container(self, depth):
        kind = self.choose("container", [kind for kind in self.CONTAINERS
                                         if kind != "again" or self.containers])
        count = self.random.choice([0, 1, 2, 3, 5, 8])
        if kind == "again":
            return self.random.choice(self.containers)
        if kind == "size":
            return torch.Size([self.random.randint(0, 9) for _ in range(count)])
        if kind == "set":
            return {self.random.randint(0, 99) for _ in range(count)}
        if kind == "counter":
            return collections.Counter(self.random.choices("abc", k=count))
        if kind == "tuple":
            return tuple(self.node(depth - 1) for _ in range(count))
        if kind == "list":
            made = [self.node(depth - 1) for _ in range(count)]
            self.containers.append(made)
            return made
        if kind == "cycle":
            made = [1]
            made.append(made)
            return made
        made = collections.OrderedDict() if kind in ("ordered_dict", "metadata") else {}
        for _ in range(count):
            made[self.key()] = self.node(depth - 1)
        if kind == "metadata":
            made._metadata = collections.OrderedDict([("", {"version": 1})])
        self.containers.append(made)
        return made

    def root(self):
        return {"root": [self.container(3) for _ in range(4)], "more": self.node(2)}


# What has to have occurred.
QUANTIZED = ["quint8", "qint8", "qint32", "quint4x2", "quint2x4"]
WANTED = [f"{group} {name}" for group, names in {
    "dtype": DTYPES + QUANTIZED, "view": Tree.VIEWS, "tensor": Tree.TENSORS,
    "container": Tree.CONTAINERS, "key": Tree.KEYS, "value": Tree.VALUES}.items()
    for name in names]
