"""P01 to P17: the pickle machine: instructions, one by one."""

import struct

from cases import bad, listed, twin
from checkpoint import STATE, file, pickled
from pickle_code import *

PICKLE = "archive/data.pkl"


def broken(row, defect, about, code, part="", kind="Pickle", **more):
    """A pickle that is no program; `code` is all of it."""
    bad(row, defect, about, pickled(code), kind, part, stage="pickle", record=PICKLE, **more)


def value(row, defect, about, code, part="", kind="Pickle", **more):
    """A program whose value makes trouble."""
    broken(row, defect, about, PROTO + code + STOP, part, kind, **more)


def holds(row, what, about, code, values, tensors=None, **more):
    """A value that loads, and how it is listed."""
    twin(row, what, about, file(code), tensors or {}, values=values, **more)


# P01, P02: the two ends.
WHOLE = PROTO + STATE + STOP
broken("P01", "no_stop", "no STOP", WHOLE[:-1], "ends without STOP")
broken("P01", "empty", "a data.pkl of no bytes", b"", "does not begin with its protocol")
broken("P01", "protocol_alone", "PROTO 2, and nothing else", PROTO, "ends without STOP")
broken("P01", "stop_alone", "STOP on an empty stack", PROTO + STOP, "too few values")
for operand, code in (
        ("int", b"J\1\2\3"), ("float", b"G\0\0\0"), ("length", b"X\1\0"),
        ("memo_index", b"Nr\1\0"), ("long_length", b"\x8b\1")):
    broken("P01", "cut_in_" + operand, f"cut inside of the {operand.replace('_', ' ')}",
           PROTO + code, "inside an instruction")
broken("P02", "no_proto", "no PROTO at all", STATE + STOP, "does not begin with its protocol")
for version in (0, 1, 3, 4, 5, 6, 255):
    broken("P02", f"protocol_{version}", f"PROTO {version}",
           b"\x80" + bytes([version]) + STATE + STOP, f"has protocol {version}", "Unsupported")
broken("P02", "proto_twice", "PROTO twice", PROTO + PROTO + STATE + STOP, "set twice")
broken("P02", "proto_in_the_middle", "PROTO between a key and its value",
       PROTO + b"}X\1\0\0\0a" + PROTO + b"Ns.", "set twice")

# P03, P17: instructions that torch.save does not write.
for letter, code, what in (
        ("I", b"I1\n", "INT"), ("L", b"L1L\n", "LONG"), ("F", b"F1.5\n", "FLOAT"),
        ("S", b"S'a'\n", "STRING"), ("V", b"Va\n", "UNICODE"), ("P", b"Pid\n", "PERSID"),
        ("g", b"Np0\ng0\n", "GET"), ("p", b"Np0\n", "PUT"), ("d", b"(d", "DICT"),
        ("l", b"(l", "LIST"), ("2", b"N2\x86", "DUP")):
    value("P03", what.lower(), f"{what}, which protocol 2 does not need", code,
          "is no instruction of a torch.save pickle")
for code, what in (
        (b"\x82\1", "EXT1"), (b"\x83\1\0", "EXT2"), (b"\x84\1\0\0\0", "EXT4"),
        (b"(ios\ngetcwd\n", "INST"), (b"(cos\ngetcwd\no", "OBJ"),
        (b"cos\ngetcwd\n)}\x92", "NEWOBJ_EX"), (b"\x97", "NEXT_BUFFER"),
        (b"N\x98", "READONLY_BUFFER"), (b"\x8c\1a", "SHORT_BINUNICODE"),
        (b"\x8d" + struct.pack("<Q", 1) + b"a", "BINUNICODE8"), (b"B\1\0\0\0a", "BINBYTES"),
        (b"C\1a", "SHORT_BINBYTES"), (b"N\x94", "MEMOIZE")):
    hostile = b"os\n" in code
    value("P17", what.lower(), f"{what}, which is not of protocol 2", code,
          "os" if hostile and what != "INST" else "is no instruction of a torch.save pickle",
          "Global" if hostile and what != "INST" else "Pickle")
holds("P03", "python_2_strings", "SHORT_BINSTRING and BINSTRING, as Python 2 wrote text",
      EMPTY_DICT + b"U\1a" + b"T\2\0\0\0bc" + SETITEM, {"a": "bc"})
holds("P03", "pop", "POP and POP_MARK, which Python writes for tuples inside of themselves",
      mapping(("a", number(1) + NONE + POP + MARK + NONE + NONE + POP_MARK)), {"a": 1})

# P04 to P06: too few values, no mark, half a pair.
for what, code in (
        ("tuple1", TUPLE1), ("tuple2", NONE + TUPLE2), ("tuple3", NONE * 2 + TUPLE3),
        ("reduce", EMPTY_TUPLE + REDUCE), ("build", EMPTY_DICT + BUILD),
        ("newobj", EMPTY_TUPLE + NEWOBJ), ("setitem", EMPTY_DICT + NONE + SETITEM),
        ("append", NONE + APPEND), ("binput", put(0)), ("binpersid", BINPERSID), ("pop", POP),
        ("setitems", MARK + SETITEMS), ("appends", MARK + APPENDS)):
    value("P04", what, f"{what.upper()} finds too few values", code,
          "no mark" if what == "pop" else "too few values")
value("P04", "values_below_the_mark", "TUPLE2 would take a value from below the mark",
      NONE * 2 + MARK + NONE + TUPLE2, "too few values")
for what, code in (
        ("tuple", TUPLE), ("setitems", EMPTY_DICT + SETITEMS), ("appends", EMPTY_LIST + APPENDS),
        ("pop_mark", POP_MARK)):
    value("P05", what, f"{what.upper()} without a mark", code, "no mark")
value("P05", "mark_left_over_a_popped_stack", "a mark stays above values that were taken",
      EMPTY_LIST + NONE + MARK + APPEND, "too few values")
value("P06", "setitems_of_three", "SETITEMS of three values",
      EMPTY_DICT + MARK + text("a") + NONE + text("b") + SETITEMS, "a key is set without a value")
holds("P06", "setitems_of_none", "SETITEMS of no values", EMPTY_DICT + MARK + SETITEMS, {})

# P07, P08: items of what has none.
for what, target in (
        ("list", EMPTY_LIST), ("tuple", EMPTY_TUPLE), ("tensor", tensor()), ("none", NONE),
        ("int", number(7)), ("set", EMPTY_SET), ("text", text("x"))):
    value("P07", "setitem_on_" + what, f"SETITEM on a {what} (CVE-2026-24747)",
          target + number(0) + number(1) + SETITEM, "items are set in")
    value("P07", "setitems_on_" + what, f"SETITEMS on a {what} (CVE-2026-24747)",
          target + MARK + number(0) + number(1) + SETITEMS, "items are set in")
for what, target in (
        ("dict", EMPTY_DICT), ("tuple", EMPTY_TUPLE), ("tensor", tensor()), ("none", NONE),
        ("set", EMPTY_SET)):
    value("P08", "append_to_" + what, f"APPEND to a {what}", target + NONE + APPEND,
          "items are appended to")
    value("P08", "appends_to_" + what, f"APPENDS to a {what}", target + MARK + NONE + APPENDS,
          "items are appended to")
holds("P07", "setitem", "SETITEM and SETITEMS on a dict, an OrderedDict and a Counter",
      array(EMPTY_DICT + text("a") + number(1) + SETITEM, ordered(("b", number(2))),
            call("collections", "Counter", mapping()) + text("c") + number(3) + SETITEM),
      [{"a": 1}, {"b": 2}, {"$type": "Counter", "items": [["c", 3]]}])
holds("P08", "append", "APPEND and APPENDS to a list",
      EMPTY_LIST + number(1) + APPEND + MARK + number(2) + number(3) + APPENDS, [1, 2, 3])

# P09, P10: the memo.
value("P09", "binget_unset", "BINGET of an entry that was never put", get(3), "was never set")
value("P09", "binget_of_a_later_one", "BINGET of an entry that is put later",
      get(0) + put(0) + POP, "was never set")
value("P09", "long_binget_of_the_last", "LONG_BINGET of entry 2^32 - 1", get(0xFFFFFFFF),
      "was never set")
value("P10", "long_binput_of_the_last", "five bytes that put entry 2^32 - 1",
      NONE + put(0xFFFFFFFF), "max_memo_gap", "Limit")
for what, line in (("a_million_digits", b"1" * 1_000_000), ("a_negative_index", b"-1")):
    value("P10", "put_of_" + what, f"PUT with {what.replace('_', ' ')}",
          NONE + b"p" + line + b"\n", "is no instruction",
          **({"at_run_time": True} if len(line) > 10 else {}))
holds("P10", "gaps", "memo entries with small gaps, as Python 2 left them",
      array(number(7) + put(1), number(8) + put(5), get(1), get(5)), [7, 8, 7, 8])

# P11, P12: lengths.
for what, code in (("binunicode", b"X"), ("binstring", b"T"), ("long4", b"\x8b")):
    value("P11", what + "_of_4_gb", f"{what.upper()} of 2^32 - 1 bytes, of which 3 are there",
          code + b"\xff\xff\xff\xffabc", "runs past the pickle")
value("P11", "binunicode8_of_2_to_the_63", "BINUNICODE8 of 2^63 bytes",
      b"\x8d" + struct.pack("<Q", 2**63) + b"abc", "is no instruction")
value("P12", "long4_negative", "LONG4 of -1 bytes", b"\x8b\xff\xff\xff\xff", "runs past the pickle")
value("P12", "long4_of_2_gb", "LONG4 of 2^31 - 1 bytes", b"\x8b\xff\xff\xff\x7f" + b"\1\2\3",
      "runs past the pickle")
holds("P12", "long1", "LONG1 of 0, 1, 8, 9 and 255 bytes, and a LONG4",
      array(b"\x8a\0", b"\x8a\1\xff", b"\x8a\x08" + struct.pack("<q", 2**53),
            b"\x8a\x09" + bytes(8) + b"\1", b"\x8a\xff" + bytes(254) + b"\1", b"\x8b\2\0\0\0\0\1"),
      [0, -1, 2**53, {"$type": "int", "value": str(2**64)},
       {"$type": "int", "value": str(2**2032)}, 256])

# P13, P16: frames and STACK_GLOBAL belong to protocol 4.
for what, length in (("2_to_the_64", 2**64 - 1), ("too_short", 1), ("right", len(STATE) + 1)):
    value("P13", "frame_" + what, f"FRAME of {length} bytes",
          b"\x95" + struct.pack("<Q", length) + STATE, "is no instruction")
for what, operands in (
        ("ints", number(1) + number(2)), ("tuples", EMPTY_TUPLE * 2),
        ("names_from_the_memo",
         text("os") + put(0) + text("getcwd") + put(1) + POP + POP + get(0) + get(1)),
        ("nothing", b"")):
    value("P16", "stack_global_of_" + what, f"STACK_GLOBAL of {what.replace('_', ' ')}",
          operands + b"\x93", "is no instruction")

# P14: text.
for what, data in (
        ("invalid", b"\xff\xfe"), ("cut", b"\xc3"), ("overlong", b"\xc0\xaf"),
        ("beyond_unicode", b"\xf4\x90\x80\x80")):
    value("P14", what + "_utf8", f"text that is {what} UTF-8".replace("_", " "), text(data),
          "is not UTF-8")
holds("P14", "text", "text of all planes", mapping(("ä", text("𝄞"))), {"ä": "𝄞"})
twin("P14", "lone_surrogate", "a lone surrogate, which Python has and torch writes",
     file(mapping(("w", tensor()), ("s", text("\ud800")))))

# P15: names of globals.
for what, code, kind, part in (
        ("unterminated", b"ccollections\nOrderedDict", "Pickle", "has no end"),
        ("without_newline", b"ccollections.OrderedDict", "Pickle", "has no end"),
        ("of_2000_bytes", b"c" + b"a" * 2000 + b"\nb\n)R", "Limit", "max_global_bytes"),
        ("with_cr", b"ccollections\r\nOrderedDict\r\n)R", "Global", "collections\\x0d"),
        ("with_nul", b"ccollections\0\nOrderedDict\n)R", "Global", "collections\\x00"),
        ("with_umlaut", "ccollectiöns\nOrderedDict\n)R".encode(), "Global", "collectiöns"),
        ("not_utf8", b"ccollections\xff\nOrderedDict\n)R", "Pickle", "is not UTF-8"),
        ("empty", b"c\n\n)R", "Global", "names what is not plain data")):
    value("P15", "name_" + what, f"a global's name {what.replace('_', ' ')}", code, part, kind)
value("P15", "name_of_a_mebibyte", "a global's name of 1 MiB",
      b"c" + b"a" * (1 << 20) + b"\nb\n)R", "max_global_bytes", "Limit", at_run_time=True)
