"""What can be wrong with a state dict: each function changes one, and says whether it did.

All take the state dict, a random.Random and the model that it is for. Some return another object to
be saved in its place.
"""

import collections

import torch

DAMAGES = []


def damage(function):
    DAMAGES.append(function)
    return function


def _rekey(state, rename):
    """Other keys in the same places, and the same `_metadata`."""
    items = [(rename(key), value) for key, value in state.items()]
    state.clear()
    state.update(items)
    return True


def _paths(model):
    return [name + "." if name else "" for name, _ in model.root.named_modules()]


def _is_ordinary(value):
    return (isinstance(value, torch.Tensor) and value.layout is torch.strided
            and not value.is_meta and not value.is_quantized)


def _some_key(state, random, fits=lambda value: True):
    keys = [key for key, value in state.items() if _is_ordinary(value) and fits(value)]
    return random.choice(keys) if keys else None


def _put(state, random, make, fits=lambda value: True):
    """Another value under a key."""
    key = _some_key(state, random, fits)
    if key is None:
        return False
    state[key] = make(state[key])
    return True


def _drop(state, key):
    if key is not None:
        del state[key]
    return key is not None


@damage
def missing(state, random, model):
    return _drop(state, _some_key(state, random))


@damage
def missing_half(state, random, model):
    return all([_drop(state, key) for key in list(state)[::2]]) and len(state) > 0


@damage
def unexpected(state, random, model):
    state[random.choice(_paths(model)) + "surplus"] = torch.ones(2)
    return True


@damage
def unexpected_with_dots(state, random, model):
    state[random.choice(_paths(model)) + random.choice(["ghost.weight", "a.b.c"])] = torch.ones(2)
    return True


@damage
def unexpected_below_a_parameter(state, random, model):
    key = _some_key(state, random)
    if key is not None:
        state[key + random.choice([".extra", ".a.b"])] = torch.ones(2)
    return key is not None


@damage
def unexpected_below_a_null_child(state, random, model):
    nulls = [path + name for path, module in model.root.named_modules()
             for name, child in module._modules.items() if child is None and not path]
    if nulls:
        state[random.choice(nulls) + ".weight"] = torch.ones(2)
    return bool(nulls)


@damage
def odd_key(state, random, model):
    state[random.choice(["", ".", "..", "a..b", ".x", "x.", "quo\"te", "it's", "new\nline", "\x1b[31m",
                         "ä€\U0001f525", "\ud800", "tab\t", "back\\slash", "{0}", "%s"])] = torch.ones(2)
    return True


@damage
def misspelt(state, random, model):
    wrong = _some_key(state, random)
    return wrong is not None and _rekey(state, lambda key: key + "s" if key == wrong else key)


@damage
def part_renamed(state, random, model):
    key = _some_key(state, random)
    if key is None or "." not in key:
        return False
    part = key.split(".")[0]
    return _rekey(state, lambda key: "renamed" + key[len(part):] if key.startswith(part + ".") else key)


@damage
def prefix(state, random, model):
    text = random.choice(["module.", "_orig_mod.", "_orig_mod.module.", "model."])
    return _rekey(state, lambda key: text + key)


@damage
def prefix_inside(state, random, model):
    return _rekey(state, lambda key: key.replace(".", ".module.", 1)) and any("." in k for k in state)


@damage
def reordered(state, random, model):
    items = list(state.items())
    random.shuffle(items)
    state.clear()
    state.update(items)
    return len(items) > 1


@damage
def other_shape(state, random, model):
    return _put(state, random, lambda value: torch.ones([n + 1 for n in value.shape]),
                lambda value: value.dim() > 0)


@damage
def other_rank(state, random, model):
    return _put(state, random, lambda value: random.choice(
        [value.unsqueeze(0), value.flatten(), value.unsqueeze(-1)]), lambda value: value.dim() != 1)


@damage
def vector_for_a_scalar(state, random, model):
    return _put(state, random, lambda value: torch.full(random.choice([(1,), (1,), (3,), (0,), (1, 1)]), 5.),
                lambda value: value.dim() == 0)


@damage
def scalar_for_a_vector(state, random, model):
    return _put(state, random, lambda value: torch.tensor(5.), lambda value: value.dim() == 1)


VALUES = [None, True, 3, 2**70, 0.5, 1j, "text", b"bytes", bytearray(b"array"), [1], (1, 2), {"a": 1},
          {1, 2}, collections.OrderedDict(a=1), collections.Counter("aab"), torch.Size([2]),
          torch.float32, torch.device("cpu"), torch.strided, torch.per_tensor_affine, torch.Size,
          torch.ones(2).untyped_storage(), torch.FloatStorage(2)]


@damage
def no_tensor(state, random, model):
    return all([_put(state, random, lambda value: random.choice(VALUES)) for _ in range(4)])


@damage
def other_dtype(state, random, model):
    names = ["float64", "float16", "bfloat16", "int64", "uint8", "bool", "complex64", "float8_e4m3fn",
             "uint16"]
    return _put(state, random, lambda value: value.to(getattr(torch, random.choice(names))))


@damage
def other_strides(state, random, model):
    def spread(value):
        memory = torch.zeros([2 * n for n in value.shape], dtype=value.dtype)
        view = memory[tuple(slice(1, None, 2) for _ in value.shape)]
        view.copy_(value)
        return view
    return _put(state, random, random.choice([
        spread, lambda value: value.transpose(0, 1).contiguous().transpose(0, 1),
        lambda value: value[:1].expand(value.shape)]),
        lambda value: value.dim() > 1 and value.numel() > 0)


@damage
def parameter_as_value(state, random, model):
    return _put(state, random, torch.nn.Parameter, lambda value: value.is_floating_point())


@damage
def conjugated(state, random, model):
    return _put(state, random, lambda value: (value * (1 + 1j)).conj(),
                lambda value: value.dtype in (torch.complex64, torch.float32))


@damage
def negated(state, random, model):
    return _put(state, random, torch._neg_view, lambda value: value.dtype is torch.float32)


@damage
def on_meta(state, random, model):
    return _put(state, random, lambda value: value.to("meta"))


@damage
def sparse(state, random, model):
    return _put(state, random, lambda value: value.to_sparse(),
                lambda value: value.dtype is torch.float32 and value.dim() > 0)


@damage
def quantized(state, random, model):
    return _put(state, random, lambda value: torch.quantize_per_tensor(value, 0.5, 3, torch.quint8),
                lambda value: value.dtype is torch.float32 and value.is_contiguous())


@damage
def one_tensor_twice(state, random, model):
    first = _some_key(state, random)
    return first is not None and _put(state, random, lambda value: state[first],
                                      lambda value: value.shape == state[first].shape)


@damage
def tied_apart(state, random, model):
    """Each name of a tied parameter gets values of its own."""
    names = collections.defaultdict(list)
    for key, tensor in model.root.named_parameters(remove_duplicate=False):
        names[id(tensor)].append(key)
    tied = [key for keys in names.values() if len(keys) > 1 for key in keys
            if _is_ordinary(state.get(key))]
    for key in tied:
        state[key] = torch.full(state[key].shape, random.randint(0, 100)).to(state[key].dtype)
    return bool(tied)


@damage
def extra_state(state, random, model):
    state[random.choice(_paths(model)) + "_extra_state"] = random.choice([torch.ones(2), {"a": 1}, 5])
    return True


@damage
def no_metadata(state, random, model):
    return dict(state)


@damage
def old_batch_norm(state, random, model):
    """As torch 0.4.0 wrote it; or a plain dict of it, which says no version."""
    counters = [key for key in state if key.endswith("num_batches_tracked")]
    for key in counters:
        del state[key]
    if random.random() < 0.5:
        return dict(state)
    for path in list(getattr(state, "_metadata", {})):
        state._metadata[path] = {"version": 1}
    return bool(counters)


@damage
def unexpected_running_stats(state, random, model):
    norms = [path for path, module in model.root.named_modules()
             if isinstance(module, torch.nn.modules.batchnorm._NormBase)
             and not module.track_running_stats and path]
    if norms:
        for name in random.choice([["running_mean"], ["running_var"], ["running_var", "running_mean"]]):
            state[f"{random.choice(norms)}.{name}"] = torch.ones(2)
    return dict(state) if norms and random.random() < 0.7 else bool(norms)


@damage
def nested(state, random, model):
    return {"model": state, "epoch": 3}


@damage
def of_an_optimizer(state, random, model):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1).state_dict()


@damage
def int_key(state, random, model):
    state[3] = torch.ones(2)
    return True


@damage
def no_dict(state, random, model):
    return random.choice([list(state.items()), tuple(state.values()), 3, "text", None, torch.ones(2)])
