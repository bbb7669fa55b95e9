"""F01 to F20: safetensors files."""

import json
import struct

import cases
from cases import listed
from checkpoint import FLOATS

KIND = "Container"
DATA = b"ab"
W = {"w": listed(DATA, "uint8")}


def bad(row, defect, about, content, kind=KIND, part="", **more):
    cases.bad(row, defect, about, content, kind, part, suffix="safetensors", **more)


def twin(row, what, about, content, tensors=W, **more):
    cases.twin(row, what, about, content, tensors, suffix="safetensors", **more)


def packed(header, data=DATA, length=None):
    """A file with this header and data, and perhaps a length that lies."""
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(dtype="U8", shape=(2,), offsets=(0, 2)):
    return json.dumps({"dtype": dtype, "shape": shape, "data_offsets": offsets},
                      separators=(",", ":"))


def of(text, data=DATA):
    """A file whose only tensor, "w", has this text in the header."""
    return packed('{"w":' + text + "}", data)


def field(name, text):
    """The same, of an entry in which one field has another text."""
    fields = {"dtype": '"U8"', "shape": "[2]", "data_offsets": "[0,2]", name: text}
    return of("{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}")


def tensors(*ranges, data=b"0123456789"):
    """Tensors "t0", "t1", ... of bytes, each with its range of the data."""
    members = [f'"t{i}":' + entry("U8", (max(end - begin, 0),), (begin, end))
               for i, (begin, end) in enumerate(ranges)]
    return packed("{" + ",".join(members) + "}", data)


GOOD = of(entry())
TEXT = '{"w":' + entry() + "}"

# F01, F02: the length.
for count in (1, 7):
    bad("F01", f"first_{count}_bytes", f"the first {count} bytes", GOOD[:count], "UnknownFormat",
        "no format that is known")
bad("F01", "length_over_the_file", "the header is longer than the file, which was cut, perhaps",
    packed(TEXT, b"", len(TEXT) + 3), "TooShort", "but the file only")
bad("F01", "length_wraps", "a length of 2^64 - 1, which wraps where 8 is added",
    packed(TEXT, length=2**64 - 1), "UnknownFormat", "no format that is known")
twin("F01", "header_to_the_end", "a header up to the last byte, and no tensors", packed("{}", b""),
     {})
bad("F02", "length_0", "no header", packed("", length=0), "UnknownFormat", "no format")
bad("F02", "length_1", "a header of one byte", packed("{", b""), "UnknownFormat", "no format")


def hole(length, start=b'{"'):
    def write(out):
        out.write(struct.pack("<Q", length) + start)
        out.truncate(8 + length)
    return write


bad("F02", "length_over_100_mb", "a header of 100,000,001 bytes, nearly all of them in a hole",
    hole(100_000_001), "Limit", "over the 100000000 of the format", at_run_time=True)
bad("F02", "header_in_a_hole", "a header of 90 MB, nearly all of it in a hole of the file",
    hole(90_000_000), "Limit", "over max_expansion", at_run_time=True)
twin("F02", "spaces", "a header of 4 KB, spaces behind the object", packed(TEXT.ljust(4096)))

# F03 to F06: what is no JSON object.
bad("F03", "no_utf8", "a name that is no UTF-8", packed(b'{"\xff":' + entry().encode() + b"}"),
    part="not UTF-8")
bad("F03", "overlong_utf8", "a name with an overlong NUL",
    packed(b'{"\xc0\x80":' + entry().encode() + b"}"), part="not UTF-8")
bad("F03", "surrogate_in_utf8", "a name with the three bytes of a surrogate",
    packed(b'{"\xed\xa0\x80":' + entry().encode() + b"}"), part="not UTF-8")
bad("F03", "byte_order_mark", "U+FEFF in front of the object", packed("\ufeff" + TEXT),
    "UnknownFormat", "no format that is known")
bad("F03", "padded_with_nul", "NUL behind the object", packed(TEXT + "\0\0"),
    part="more behind the JSON object")
bad("F03", "text_behind", "a second object behind the object", packed(TEXT + "{}"),
    part="more behind the JSON object")
twin("F03", "utf8", "a name beyond ASCII", packed('{"é😀":' + entry() + "}"),
     {"é😀": W["w"]})
twin("F04", "spaces_in_front", "spaces in front of the object", packed("  \n\t\r" + TEXT))
for what, text in (("array", "[]"), ("string", '"w"'), ("number", "12"), ("null", "null"),
                   ("words", "no JSON at all")):
    bad("F05", what, f"the header is {text}", packed(text), "UnknownFormat", "no format")
bad("F05", "cut", "the object has no end", packed(TEXT[:-1]), part="the JSON text ends")
bad("F05", "trailing_comma", "a comma in front of the end", packed(TEXT[:-1] + ",}"),
    part="where a string should be")
bad("F05", "single_quotes", "names in single quotes", packed("{ 'w': 1}"), "UnknownFormat",
    "no format")
bad("F05", "comment", "a comment", packed(TEXT[:-1] + "/**/}"), part="'/' where")
twin("F05", "white_space", "white space between all parts",
     packed(TEXT.replace(":", " : \n").replace(",", " ,\t").replace("{", "{\r")))
DEPTH = 100_000
bad("F06", "deep_metadata", "100,000 arrays inside each other in __metadata__",
    packed('{"__metadata__":{"a":' + "[" * DEPTH + "]" * DEPTH + '},"w":' + entry() + "}"),
    part="where a string should be", at_run_time=True)
bad("F06", "deep_shape", "100,000 arrays inside each other as a shape",
    field("shape", "[" * DEPTH + "]" * DEPTH), part="where a whole number", at_run_time=True)
bad("F06", "deep_field", "100,000 objects inside each other in a field of no meaning",
    field("x", '{"a":' * DEPTH + "0" + "}" * DEPTH), part="the field 'x'", record="w",
    at_run_time=True)
twin("F06", "as_deep_as_it_goes", "three levels, which all files have", GOOD)

# F07, F08: repeated, unknown and missing members.
for what, second in (("same", entry()), ("other", entry("I8"))):
    bad("F07", "twice_" + what, f"one name twice: the {what} tensor",
        packed('{"w":' + entry() + ',"w":' + second + "}"), part="this tensor twice", record="w")
bad("F07", "first_is_invalid", "one name twice: the first of them would leave the file",
    packed('{"w":' + entry("F64", (9,), (0, 72)) + ',"w":' + entry() + "}"), "Bounds",
    "ends at byte 72 of 2", record="w")
bad("F07", "twice_escaped", "one name twice, once with an escape",
    packed('{"w":' + entry() + ',"\\u0077":' + entry() + "}"), part="this tensor twice", record="w")
twin("F07", "case", "names that differ in case only",
     packed('{"w":' + entry(shape=(1,), offsets=(0, 1)) + ',"W":' +
            entry(shape=(1,), offsets=(1, 2)) + "}"),
     {"w": listed(b"a", "uint8"), "W": listed(b"b", "uint8")})
for name, text in (("dtype", '"U8"'), ("shape", "[2]"), ("data_offsets", "[0,2]")):
    again = entry()[:-1] + f',"{name}":{text}' + "}"
    bad("F08", f"{name}_twice", f"{name} twice", of(again), part="which is repeated", record="w")
    without = json.loads(entry())
    del without[name]
    bad("F08", f"no_{name}", f"no {name}", of(json.dumps(without)), part="no dtype, no shape",
        record="w")
bad("F08", "metadata_twice", "__metadata__ twice",
    packed('{"__metadata__":{},"__metadata__":{},"w":' + entry() + "}"), part="twice")
bad("F08", "text_twice", "a key twice in __metadata__",
    packed('{"__metadata__":{"a":"1","a":"2"},"w":' + entry() + "}"), part="the key 'a' twice")
bad("F08", "unknown_field", "a field that the format does not have",
    of(entry()[:-1] + ',"strides":[1]}'), part="the field 'strides'", record="w")
bad("F08", "entry_is_an_array", "the fields as an array, without names",
    of('["U8",[2],[0,2]]'), part="where an object should be")
twin("F08", "fields_in_another_order", "the fields in another order, with escapes in their names",
     of('{"data_offsets":[0,2],"sh\\u0061pe":[2],"dtype":"\\u00558"}'))

# F09: dtypes.
for what, dtype in (("unknown", "F128"), ("small_letters", "u8"), ("space_behind", "U8 "),
                    ("of_torch", "uint8"), ("empty", "")):
    bad("F09", what, f"the dtype '{dtype}'", of(entry(dtype)), "Unsupported", "has no dtype",
        record="w")
bad("F09", "number", "a dtype that is a number", field("dtype", "8"), part="where a string")
SIXTEEN = bytes(range(16))
twin("F09", "complex", "C64", of(entry("C64", (2,), (0, 16)), SIXTEEN),
     {"w": listed(SIXTEEN, "complex64", [2])})
twin("F09", "f4", "F4: two to an element of torch's", of(entry("F4", (2, 4), (0, 4)), SIXTEEN[:4]),
     {"w": listed(SIXTEEN[:4], "float4_e2m1fn_x2", [2, 2])})
twin("F09", "f4_of_odd_rows", "F4 with an odd last size: its bytes",
     of(entry("F4", (4, 1), (0, 2))), {"w": listed(DATA, "uint8")})
twin("F09", "f6", "F6, which torch does not have: its bytes",
     of(entry("F6_E2M3", (4,), (0, 3)), b"abc"), {"w": listed(b"abc", "uint8")})

# F10: numbers.
for what, size in (("negative", "-2"), ("minus_zero", "-0"), ("fraction", "2.0"),
                   ("exponent", "2e0"), ("true", "true"), ("text", '"2"'), ("null", "null"),
                   ("two_to_the_64", str(2**64)), ("zero_in_front", "02"), ("hexadecimal", "0x2"),
                   ("plus", "+2")):
    bad("F10", what, f"a size of {size}", field("shape", f"[{size}]"))
bad("F10", "two_to_the_63", "a size of 2^63, and one of 0", of(
    entry("U8", (2**63, 0), (0, 0)), b""), "Layout", "over 63 bits", record="w")
bad("F10", "shape_is_a_number", "a shape that is no array", field("shape", "2"),
    part="where an array")
twin("F10", "zero", "a size of 0", packed('{"w":' + entry() + ',"z":' +
                                          entry("U8", (0,), (2, 2)) + "}"),
     {**W, "z": listed(b"", "uint8", [0])})

# F11, F14: sizes that do not fit the bytes.
bad("F11", "product_wraps", "sizes whose product wraps to the right number",
    of(entry("U8", (2**62, 4, 2), (0, 2))), "Layout", "overflows", record="w")
bad("F11", "product_wraps_to_2", "sizes whose product is 2^64 + 2",
    of(entry("U8", (2, 2**63 - 1, 2), (0, 2))), "Layout", record="w")
bad("F11", "bits_wrap", "elements whose bits are 2^64 + 16",
    of(entry("U16", (2**60 + 1,), (0, 2))), "Layout", "overflows", record="w")
bad("F11", "product_wraps_beside_0", "sizes whose product overflows before the 0",
    of(entry("U8", (2**62, 4, 0), (0, 0)), b""), "Layout", "overflows", record="w")
bad("F11", "product_wraps_behind_0", "sizes whose product overflows behind the 0",
    of(entry("U8", (0, 2**62, 4), (0, 0)), b""), "Layout", "overflows", record="w")
twin("F11", "large_beside_0", "a size of 2^40 beside 0", of(entry("U8", (2**40, 0), (0, 0)), b""),
     {"w": listed(b"", "uint8", [2**40, 0])})

# F12, F13: ranges.
bad("F12", "reversed", "a range that ends in front of its start",
    field("data_offsets", "[2,0]"), "Bounds", "in front of its start", record="w")
bad("F12", "negative", "a range that begins in the header", field("data_offsets", "[-2,0]"))
bad("F12", "one", "a range of one number", field("data_offsets", "[2]"), part="less than two",
    record="w")
bad("F12", "three", "a range of three numbers", field("data_offsets", "[0,2,2]"),
    part="more than two", record="w")
bad("F12", "beyond_the_data", "a range that ends after the file does",
    of(entry("U8", (3,), (0, 3))), "Bounds", "ends at byte 3 of 2", record="w")
bad("F12", "near_2_to_the_64", "a range at the end of all numbers",
    of(entry("U8", (2,), (2**64 - 3, 2**64 - 1))), "Bounds", "of 2 that follow", record="w")
twin("F12", "all_of_the_data", "a range that ends where the file does", GOOD)
bad("F13", "gap", "a byte that belongs to no tensor", tensors((0, 4), (5, 10)), "Bounds", "a gap",
    record="t1")
bad("F13", "gap_in_front", "the first tensor begins at byte 1", tensors((1, 10)), "Bounds", "a gap",
    record="t0")
bad("F13", "overlap", "a byte of two tensors", tensors((0, 5), (4, 10)), "Bounds", "overlap",
    record="t1")
bad("F13", "one_range", "two tensors on one range", tensors((0, 10), (0, 10)), "Bounds", "overlap")
bad("F13", "bytes_behind", "bytes behind the last tensor", tensors((0, 9)), "Bounds",
    "end at byte 9 of 10")
bad("F13", "zip_behind", "a zip file behind the last tensor", GOOD + b"PK\5\6" + bytes(18),
    "Bounds", "end at byte 2 of 24")
bad("F13", "data_without_tensors", "data, and no tensor", packed("{}"), "Bounds",
    "end at byte 0 of 2")
bad("F13", "empty_inside", "an empty tensor inside another's range", tensors((0, 10), (5, 5)),
    "Bounds", "overlap", record="t1")
twin("F13", "backwards", "the tensors in another order than their data", tensors((4, 10), (0, 4)),
     {"t0": listed(b"456789", "uint8"), "t1": listed(b"0123", "uint8")})
twin("F13", "empty_between", "an empty tensor between two others",
     tensors((0, 4), (4, 10), (4, 4)),
     {"t0": listed(b"0123", "uint8"), "t1": listed(b"456789", "uint8"),
      "t2": listed(b"", "uint8", [0])})
for what, dtype, shape in (("more", "U8", (3,)), ("fewer", "U8", (1,)), ("wider", "F32", (2,)),
                           ("scalar", "U8", ()), ("none", "U8", (0,))):
    bad("F14", what, f"{dtype} {list(shape)} on 2 bytes", of(entry(dtype, shape, (0, 2))), "Layout",
        "but data_offsets gives them 2", record="w")
bad("F14", "half_a_byte", "F4 [3]: twelve bits", of(entry("F4", (3,), (0, 2))), "Layout",
    "no whole bytes", record="w")
bad("F14", "half_a_byte_of_f6", "F6_E3M2 [2]: twelve bits", of(entry("F6_E3M2", (2,), (0, 2))),
    "Layout", "no whole bytes", record="w")
twin("F14", "scalar", "no sizes: one element", of(entry("U8", (), (0, 1)), b"a"),
     {"w": listed(b"a", "uint8", [])})

# F15: __metadata__.
for what, text in (("number", '{"a":1}'), ("null_text", '{"a":null}'), ("object", '{"a":{}}'),
                   ("null", "null"), ("array", "[]"), ("tensor", entry())):
    bad("F15", what, f"__metadata__ is {text}",
        packed('{"__metadata__":' + text + ',"w":' + entry() + "}"), part="should be")
twin("F15", "texts", "__metadata__ with an empty key, behind the tensors",
     packed('{"w":' + entry() + ',"__metadata__":{"":"","a":"\\n"}}'))

# F16: many.
def many(out):
    members = ",".join(f'"{i}":{entry("U8", (0,), (0, 0))}' for i in range(1_000_000))
    out.write(packed("{" + members + "}", b""))


cases.twin("F16", "a_million_empty_tensors", "a million tensors without elements", many, {},
           suffix="safetensors", at_run_time=True)

# F17: names.
for what, name in (("high_surrogate", "\\ud800"), ("low_surrogate", "\\udc00"),
                   ("two_high_surrogates", "\\ud800\\ud800")):
    bad("F17", what, f"the name {name}", packed('{"' + name + '":' + entry() + "}"),
        part="half of a surrogate pair")
bad("F17", "newline", "a name with a newline as it is", packed('{"a\nb":' + entry() + "}"),
    part="a control character")
bad("F17", "escape_of_none", "a name with the escape \\x", packed('{"\\x41":' + entry() + "}"),
    part="an escape that JSON does not have")
twin("F17", "empty", "the empty name", packed('{"":' + entry() + "}"), {"": W["w"]})
twin("F17", "escaped", "controls, NUL and a pair of surrogates, escaped",
     packed('{"\\u0000\\n\\ud83d\\ude00":' + entry() + "}"), {"\0\n😀": W["w"]})

# F18: cut.
FLOAT = of(entry("F32", (4,), (0, 16)), FLOATS)
for count in (1, 9, 16):
    bad("F18", f"without_the_last_{count}_bytes", f"without the last {count} bytes, of 16 of data",
        FLOAT[:-count], "Bounds", "cut short", record="w")
bad("F18", "inside_of_the_header", "cut inside of its header", FLOAT[:40], "TooShort", "cut short")
twin("F18", "whole", "the same, whole", FLOAT, {"w": listed([1, 2, 3, 4])})

# F19: other formats by the first bytes.
for what, length in (("pickle", 0x280), ("pickle_of_protocol_4", 0x480), ("gzip", 0x8B1F)):
    twin("F19", "length_of_a_" + what, f"a header of {length} bytes: what a {what} begins with",
         packed(TEXT.ljust(length)))
twin("F19", "tar", "'ustar' at byte 257, as in a tar file",
     packed('{"__metadata__":{"a":"' + " " * (257 - 30) + 'ustar"},"w":' + entry() + "}"))
twin("F20", "odd_start", "data that begins at an odd byte",
     packed(('{"w":' + entry("F32", (4,), (0, 16)) + "}").ljust(65), FLOATS),
     {"w": listed([1, 2, 3, 4])})
