"""Files in the formats before torch 1.6, from their parts: torch writes only one of them any more."""

import io
import struct
import tarfile

from pickle_code import *
from pickle_code import FALSE, NONE, TRUE

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
FLOATS = struct.pack("<4f", 1, 2, 3, 4)
KEY = "94512345678901"


def py2(value):
    """A string of Python 2."""
    data = value if isinstance(value, bytes) else value.encode()
    return b"U" + bytes([len(data)]) + data if len(data) < 256 else \
        b"T" + struct.pack("<I", len(data)) + data


def old_storage(kind="FloatStorage", key=KEY, count=4, location="cpu", view=NONE, module="torch",
                string=text):
    """A reference to a storage. `kind`, `key`, `count`: as they are, or as code."""
    as_code = lambda value, code: value if isinstance(value, bytes) else code(value)
    return many(string("storage"), as_code(kind, lambda value: name(module, value)),
                as_code(key, string), string(location), as_code(count, number), view) + BINPERSID


def old_tensor(sizes=(4,), strides=None, offset=0, of=None, function="_rebuild_tensor_v2", **id_):
    arguments = [of or old_storage(**id_), number(offset), numbers(*sizes),
                 numbers(*(row_major(sizes) if strides is None else strides))]
    if function != "_rebuild_tensor":
        arguments += [FALSE, NO_HOOKS]
    return rebuilt(*arguments, function=function)


OLD_STATE = mapping(("w", old_tensor()))


def system_info(version=1001, little=TRUE, sizes=(2, 4, 4)):
    names = ("short", "int", "long")
    return program(mapping(
        ("protocol_version", number(version)), ("little_endian", little),
        ("type_sizes", mapping(*((n, number(size)) for n, size in zip(names, sizes))))))


def raw(content, item=4, count=None):
    """A storage behind its number of elements."""
    return struct.pack("<q", len(content) // item if count is None else count) + content


def stream(code=OLD_STATE, keys=(KEY,), storages=None, magic=MAGIC, version=program(number(1001)),
           info=None, whole=None, key_list=None, behind=b""):
    """A legacy stream. `keys`: the list, and the order of `storages`, which are as raw() makes them.
    `whole`: the pickle of the object from PROTO to STOP; `key_list`: that of the keys."""
    storages = raw(FLOATS) if storages is None else storages
    return (magic + version + (system_info() if info is None else info) +
            (program(code) if whole is None else whole) +
            (program(array(*map(text, keys)) if keys else EMPTY_LIST) if key_list is None
             else key_list) + storages + behind)


def saved_storage(key, content, kind="FloatStorage", item=4, location="cpu", count=None):
    """A storage of torch 0.1, behind what is said of it."""
    about = program(many(number(key), py2(location), name("torch", kind)))
    return about + raw(content, item, count)


def saved_tensor(key, of, sizes, strides=None, offset=0, kind="FloatTensor", rank=None):
    """A tensor of torch 0.1. The second half of its rank was whatever was in memory."""
    strides = row_major(sizes) if strides is None else strides
    about = program(many(number(key), NONE if of is None else number(of), name("torch", kind)))
    return (about + struct.pack("<iI", len(sizes) if rank is None else rank, 0x7F3A) +
            struct.pack(f"<{2 * len(sizes) + 1}q", *sizes, *strides, offset))


def saved(key):
    """A reference to a storage or tensor of torch 0.1."""
    return py2(str(key)) + BINPERSID


def listed_objects(objects, count=None, behind=b""):
    return program(number(len(objects) if count is None else count)) + b"".join(objects) + behind


def views(*parts):
    return program(array(*(numbers(*part) for part in parts)) if parts else EMPTY_LIST)


def tar(members, format=tarfile.PAX_FORMAT, change=None, end=True, whole=False):
    """A tar of these (name, content), as Python's tarfile writes it: times are fractions, so that each
    member has a header of its own for them. `change`: of each TarInfo, before it is written. `whole`: with
    all zeros at the end, which fill 10,240 bytes; else two blocks of them, or none."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=format) as archive:
        for member, content in members:
            info = tarfile.TarInfo(member)
            info.size, info.mtime, info.mode = len(content), 1484000000.25, 0o600
            if format != tarfile.PAX_FORMAT:
                info.mtime = 1484000000
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(content))
    if whole:
        return out.getvalue()
    content = out.getvalue().rstrip(b"\0")
    return content + bytes(-len(content) % 512 + 1024) if end else content


def tar_members(code=None, storages=None, tensors=None, view=(), info=None):
    """The members of a checkpoint of torch 0.1: {"w": tensor([1., 2., 3., 4.])}, unless told."""
    code = mapping((py2("w"), saved(7))) if code is None else code
    storages = [saved_storage(3, FLOATS)] if storages is None else storages
    tensors = [saved_tensor(7, 3, (4,))] if tensors is None else tensors
    as_bytes = lambda value, behind=b"": value if isinstance(value, bytes) else \
        listed_objects(value, behind=behind)
    return {"sys_info": system_info(1000) if info is None else info, "pickle": program(code),
            "tensors": as_bytes(tensors), "storages": as_bytes(storages, views(*view))}


def tar_file(whole=False, format=tarfile.PAX_FORMAT, **parts):
    return tar(tar_members(**parts).items(), format, whole=whole)
