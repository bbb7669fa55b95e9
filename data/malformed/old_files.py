"""Whole files as torch 0.1 to 0.3 and Python 2 left them: golden files, which no torch of today writes."""

import struct

from old_writer import *

NUMBERS = struct.pack("<12f", *range(12))


def of_python2():
    """A state dict of torch 0.3 under Python 2: strings of bytes, OrderedDict by its items."""
    storage = lambda key, count: old_storage(key=key, count=count, string=py2)
    weight = old_tensor((3, 4), of=storage("51", 12), function="_rebuild_tensor")
    bias = old_tensor((2,), offset=2, of=storage("50", 4), function="_rebuild_tensor")
    state = call("collections", "OrderedDict",
                 array(array(py2("fc.weight"), weight), array(py2("fc.bias"), bias)))
    versions = mapping((py2("_metadata"), call("collections", "OrderedDict", array(
        array(py2(""), mapping((py2("version"), number(1))))))))
    extra = mapping((py2("state_dict"), state + versions + BUILD),
                    (py2("arch"), py2("resnet ä")), (py2("best"), real(0.5)),
                    (py2("long"), b"\x8a\x03\x01\x02\x03"), (py2("set"), call(
                        "__builtin__", "set", array(number(1)))))
    return stream(extra, ("51", "50"), raw(NUMBERS) + raw(FLOATS))


def with_slices():
    """Torch 0.2 and 0.3: storages that are slices of others."""
    part = lambda key, offset, count: old_storage(
        key="70", count=12, view=many(text(key), number(offset), number(count)))
    return stream(mapping(
        ("all", old_tensor((12,), of=old_storage(key="70", count=12))),
        ("head", old_tensor((2, 2), of=part("71", 0, 4))),
        ("tail", old_tensor((3, 2), (1, 3), 1, of=part("72", 4, 8))),
        ("tail_again", old_tensor((8,), of=part("72", 4, 8)))), ("70",), raw(NUMBERS))


def of_classes():
    """Tensors as the first streams had them: made empty, and filled by BUILD."""
    made = lambda sizes, strides, offset: call("torch", "FloatTensor") + many(
        old_storage(key="60", count=12), number(offset), numbers(*sizes), numbers(*strides)) + BUILD
    return stream(mapping(("a", made((3, 4), (4, 1), 0)), ("b", made((2,), (5,), 3))), ("60",),
                  raw(NUMBERS))


def tar_state():
    """A state dict of torch 0.1: tensors of two storages, a slice of one, and a storage alone."""
    longs = struct.pack("<3q", 5, -6, 7)
    state = call("collections", "OrderedDict", array(
        array(py2("weight"), saved(140001)), array(py2("weight_again"), saved(140001)),
        array(py2("transposed"), saved(140002)), array(py2("of_slice"), saved(140003)),
        array(py2("longs"), saved(140004)), array(py2("storage"), saved(150002)),
        array(py2("epoch"), number(12))))
    return tar_file(
        whole=True, code=state,
        storages=[saved_storage(150001, NUMBERS),
                  saved_storage(150002, longs, "LongStorage", 8)],
        view=[(150003, 150001, 4, 6)],
        tensors=[saved_tensor(140001, 150001, (3, 4)),
                 saved_tensor(140002, 150001, (4, 3), (1, 4)),
                 saved_tensor(140003, 150003, (2, 2), (3, 1), 1),
                 saved_tensor(140004, 150002, (3,), kind="LongTensor")])


FILES = {
    "legacy_python2": of_python2(),
    "legacy_slices": with_slices(),
    "legacy_classes": of_classes(),
    "tar_state": tar_state(),
}
