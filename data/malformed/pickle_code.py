"""An assembler of pickles: each function gives the bytes of the instructions that make a value."""

import struct

PROTO, STOP = b"\x80\x02", b"."
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, EMPTY_SET = b")", b"]", b"}", b"\x8f"
MARK, TUPLE, TUPLE1, TUPLE2, TUPLE3 = b"(", b"t", b"\x85", b"\x86", b"\x87"
APPEND, APPENDS, SETITEM, SETITEMS = b"a", b"e", b"s", b"u"
REDUCE, NEWOBJ, BUILD, BINPERSID, POP, POP_MARK, DUP = b"R", b"\x81", b"b", b"Q", b"0", b"1", b"2"


def program(*parts):
    return PROTO + b"".join(parts) + STOP


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def real(value):
    return b"G" + struct.pack(">d", value)


def text(value):
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def name(module, attribute):
    """A GLOBAL instruction."""
    encode = lambda part: part if isinstance(part, bytes) else part.encode()
    return b"c" + encode(module) + b"\n" + encode(attribute) + b"\n"


def many(*items):
    """A tuple."""
    if len(items) <= 3:
        return b"".join(items) + (EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3)[len(items)]
    return MARK + b"".join(items) + TUPLE


def array(*items):
    """A list."""
    return EMPTY_LIST + MARK + b"".join(items) + APPENDS


def mapping(*pairs):
    """A dict of (key, value), keys that are text are given as such."""
    entries = b"".join((text(key) if isinstance(key, str) else key) + value for key, value in pairs)
    return EMPTY_DICT + MARK + entries + SETITEMS


def call(module, attribute, *arguments):
    return name(module, attribute) + many(*arguments) + REDUCE


def numbers(*values):
    return many(*map(number, values))


def put(index):
    return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)


def get(index):
    return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)


def ordered(*pairs):
    """An OrderedDict."""
    made = call("collections", "OrderedDict")
    if not pairs:
        return made
    return made + MARK + b"".join(text(key) + value for key, value in pairs) + SETITEMS


NO_HOOKS = ordered()


def storage(kind="FloatStorage", key="0", count=4, location="cpu", module="torch"):
    """A reference to a storage. `kind`, `key`, `count`, `location`: as they are, or as code."""
    as_code = lambda value, code: value if isinstance(value, bytes) else code(value)
    parts = (text("storage"), as_code(kind, lambda value: name(module, value)),
             as_code(key, text), as_code(location, text), as_code(count, number))
    return many(*parts) + BINPERSID


def rebuilt(*arguments, function="_rebuild_tensor_v2"):
    return call("torch._utils", function, *arguments)


def tensor(sizes=(4,), strides=None, offset=0, of=None, grad=FALSE, hooks=NO_HOOKS, more=(), **id_):
    """A tensor by _rebuild_tensor_v2, of the storage that the other arguments describe."""
    return rebuilt(of or storage(**id_), number(offset), numbers(*sizes),
                   numbers(*(row_major(sizes) if strides is None else strides)), grad, hooks, *more)


def row_major(sizes):
    strides, step = [], 1
    for size in reversed(sizes):
        strides.append(step)
        step *= max(size, 1)
    return strides[::-1]
