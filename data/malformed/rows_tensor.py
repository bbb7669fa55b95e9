"""T01 to T22, K, M: references to storages, layouts of tensors, keys, and location tags."""

import struct

import zip_writer
from pickle_code import *
from cases import bad, listed, twin
from checkpoint import FLOATS, changed, file, plain, records
from rows_object import object_
from rows_pickle import value
from zip_writer import Record, build

W = {"w": listed([1, 2, 3, 4])}
BIG = 2**62


def state(defect_code):
    return mapping(("w", defect_code))


def of(row, defect, about, reference, kind, part, **more):
    """A tensor of a storage reference that is wrong."""
    object_(row, defect, about, state(tensor(of=reference)), kind, part, **more)


# T01, T02: persistent ids.
PARTS = (text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(4))
for what, parts in (
        ("empty", ()), ("of_four", PARTS[:4]), ("of_six", PARTS + (NONE,)),
        ("another_first_item", (text("module"),) + PARTS[1:]),
        ("numel_is_text", PARTS[:4] + (text("4"),)),
        ("location_is_none", PARTS[:3] + (NONE,) + PARTS[4:]),
        ("class_is_text", PARTS[:1] + (text("FloatStorage"),) + PARTS[2:]),
        ("class_is_no_storage", PARTS[:1] + (name("torch", "float32"),) + PARTS[2:]),
        ("typed_storage", PARTS[:1] + (name("torch.storage", "TypedStorage"),) + PARTS[2:])):
    of("T01", "id_" + what, f"a persistent id: {what.replace('_', ' ')}", many(*parts) + BINPERSID,
       "PersId", "a storage reference is not")
for what, code in (
        ("text", text("0")), ("int", number(0)), ("none", NONE), ("list", array(*PARTS))):
    value("T01", "id_is_" + what, f"a persistent id that is no tuple: {what}", code + BINPERSID,
          "not a tuple", "PersId")
for what, key in (
        ("empty", ""), ("parent", ".."), ("outside", "../../etc"), ("with_a_nul", "0\0"),
        ("of_257_characters", "0" * 257)):
    of("T02", "key_" + what, f"a storage key {what.replace('_', ' ')}", storage(key=key), "Name",
       "is unsafe")
bad("T02", "key_with_a_slash", "a storage key with a slash, and a record of that name",
    file(state(tensor(key="a/b")), {"a/b": FLOATS}), "Name", "is unsafe", stage="manifest")
of("T02", "key_of_100000_characters", "a storage key of 100,000 characters",
   storage(key="0" * 100_000), "Name", "is unsafe", at_run_time=True)
of("T02", "key_is_an_int", "a storage key that is an int", storage(key=number(0)), "PersId",
   "a storage reference is not")
twin("T02", "key_of_letters", "a storage key of letters, with umlauts",
     file(state(tensor(key="Schlüssel")), {"Schlüssel": FLOATS}), W)

# T03 to T07: storages and their records.
of("T03", "no_record", "a storage without a record", storage(key="7"), "Storage", "has no record")
for what, count, part in (
        ("negative", -4, "declares -4 elements"),
        ("wraps_to_4", 0x4000000000000001, "which overflow"),
        ("of_2_to_the_63", 2**63 - 1, "which overflow")):
    of("T04", "numel_" + what, f"a number of elements that is {what.replace('_', ' ')}",
       storage(count=count), "Storage", part)
of("T04", "numel_of_72_bits", "a number of elements of 72 bits", storage(count=2**70), "PersId",
   "a storage reference is not")
for what, count in (("above", 5), ("below", 3), ("far_above", 1 << 40), ("zero", 0)):
    of("T05", f"numel_{what}_the_record", f"{count} elements declared, 4 in the record",
       storage(count=count), "Storage", "does not match expected size", record="archive/data/0")
bad("T06", "record_of_15_bytes", "a record that is no whole number of elements",
    file(storages={"0": FLOATS[:15]}), "Storage", "does not match expected size", stage="manifest",
    record="archive/data/0")
for what, other in (
        ("type", {"kind": "IntStorage"}), ("size", {"count": 3}), ("larger_size", {"count": 8}),
        ("location", {"location": "cuda:0"})):
    object_("T07", f"two_references_of_another_{what}",
            f"two references to data/0, of another {what}",
            mapping(("w", tensor()), ("v", tensor((2,), of=storage(**other)))), "Storage",
            "two references to it differ")
object_("T07", "popped_reference_of_another_type",
        "a reference to data/0 of another type, which the pickle pops before the others",
        storage(kind="IntStorage") + POP + state(tensor()), "Storage", "two references to it differ")
BYTES = bytes(range(8))
REBUILD_3 = lambda dtype, sizes, kind, count: rebuilt(
    storage(kind=kind, count=count), number(0), numbers(*sizes), numbers(*row_major(sizes)), FALSE,
    NO_HOOKS, name("torch", dtype), function="_rebuild_tensor_v3")
UNTYPED = name("torch.storage", "UntypedStorage")
twin("T07", "uint8_and_untyped", "a uint8 tensor and its float8 view, which torch writes so",
     file(mapping(("w", tensor((8,), kind="ByteStorage", count=8)),
                  ("v", REBUILD_3("float8_e5m2", (8,), UNTYPED, 8))), {"0": BYTES}),
     {"w": listed(BYTES, "uint8", [8]), "v": listed(BYTES, "float8_e5m2", [8])})
twin("T07", "two_types_of_one_empty_storage",
     "two types on one empty storage, which torch writes so",
     file(mapping(("w", tensor((0,), count=0)), ("v", tensor((0,), kind="LongStorage", count=0))),
          {"0": b""}), {"w": listed([]), "v": listed([], "int64")})

# T08 to T13: layouts.
for row, what, part, layout in (
        ("T08", "offset_negative", "storage offset is -1", {"offset": -1, "sizes": (1,)}),
        ("T08", "offset_beyond", "reaches up to element", {"offset": 4, "sizes": (1,)}),
        ("T08", "offset_and_extent", "reaches up to element 4", {"offset": 1}),
        ("T08", "offset_wraps", "overflow", {"offset": 2**63 - 1, "sizes": (2,)}),
        ("T09", "size_negative", "size 0 is -1", {"sizes": (-1,), "strides": (1,)}),
        ("T09", "two_negative_sizes", "size 0 is -2", {"sizes": (-2, -2), "strides": (1, 1)}),
        ("T09", "product_wraps", "overflows", {"sizes": (2**32, 2**32), "strides": (0, 0)}),
        ("T09", "product_wraps_to_4", "overflows", {"sizes": (2**62 + 1, 4), "strides": (0, 0)}),
        ("T11", "more_sizes", "differ in number", {"sizes": (2, 2), "strides": (1,)}),
        ("T11", "more_strides", "differ in number", {"sizes": (4,), "strides": (1, 1)}),
        ("T11", "stride_negative", "stride 0 is -1", {"offset": 3, "strides": (-1,)}),
        ("T11", "extent_wraps", "overflow", {"sizes": (3,), "strides": (BIG,)}),
        ("T11", "extents_wrap_together", "overflow",
         {"sizes": (2, 2, 2), "strides": (BIG, BIG, BIG)}),
        ("T11", "stride_beyond", "reaches up to element 6", {"strides": (2,)})):
    object_(row, what, f"a tensor with {layout}", state(tensor(**layout)), "Layout", part)
object_("T09", "rank_of_1025", "a tensor of 1,025 dimensions", state(tensor((1,) * 1025)), "Limit",
        "max_rank")
object_("T09", "rank_of_100000", "a tensor of 100,000 dimensions", state(tensor((1,) * 100_000)),
        "Limit", "max_rank", at_run_time=True)
twin("T10", "zero_beside_2_to_the_62", "a size of 0 beside one of 2^62, as torch loads it too",
     file(state(tensor((0, BIG), strides=(1, 1)))), {"w": listed([], shape=[0, BIG])})
ZERO_STRIDE = tensor((1 << 21, 1 << 21), strides=(0, 0))
twin("T12", "zero_strides",
     "a view of 2^42 elements of one element: listed, but its elements are not all read",
     file(state(ZERO_STRIDE)), {"w": {**listed([], shape=[1 << 21, 1 << 21]), "sha256": None}},
     digest="Limit")
twin("T12", "expanded", "a small one", file(state(tensor((3, 2), strides=(0, 1)))),
     {"w": listed([1, 2, 1, 2, 1, 2], shape=[3, 2])})
twin("T13", "transposed", "a transposed view", file(state(tensor((2, 2), strides=(1, 2)))),
     {"w": listed([1, 3, 2, 4], shape=[2, 2])})
twin("T13", "overlapping", "a view whose rows overlap",
     file(state(tensor((3, 2), strides=(1, 1)))), {"w": listed([1, 2, 2, 3, 3, 4], shape=[3, 2])})

# T14 to T16, T18, T20 to T22: odd, and fine.
twin("T14", "scalar_and_empty", "a tensor of no dimensions, and one of no elements",
     file(mapping(("s", tensor((), offset=1)), ("e", tensor((0,), offset=4)))),
     {"s": listed([2], shape=[]), "e": listed([])})
twin("T14", "empty_storage_without_record", "an empty storage that has no record",
     file(mapping(("w", tensor()), ("e", tensor((0,), key="9", count=0)))), {**W, "e": listed([])})
twin("T15", "odd_bools", "bool bytes other than 0 and 1: kept, as torch keeps them",
     file(state(tensor((4,), kind="BoolStorage")), {"0": b"\0\1\2\xff"}),
     {"w": listed(b"\0\1\2\xff", "bool", [4])})
for dtype, count in (
        ("float8_e4m3fn", 8), ("uint16", 4), ("uint64", 1), ("bits1x8", 8), ("complex32", 2),
        ("float4_e2m1fn_x2", 8)):
    twin("T16", dtype, f"a tensor of {dtype}",
         file(state(REBUILD_3(dtype, (count,), UNTYPED, 8)), {"0": BYTES}),
         {"w": listed(BYTES, dtype, [count])})
for kind in ("QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage"):
    of("T16", "plain_tensor_of_" + kind, f"a plain tensor of a {kind}: torch fails too",
       storage(kind=kind, count=4 if kind == "QInt32Storage" else 16), "Unsupported",
       "which torch does not load")
object_("T16", "unknown_dtype", "a dtype that no tensor has",
        state(REBUILD_3("int3", (16,), UNTYPED, 16)), "Layout", "arguments that")
twin("T17", "two_names", "two names for one tensor, and a view of it",
     file(EMPTY_DICT + MARK + text("w") + tensor() + put(0) + text("v") + get(0) + text("u") +
          tensor((2,), offset=2) + SETITEMS), {**W, "v": W["w"], "u": listed([3, 4])})
MANY = 20_000
twin("T17", "twenty_thousand_names", "20,000 names for one storage",
     file(mapping(*((str(n), tensor()) for n in range(MANY)))), {}, count=MANY, at_run_time=True)
twin("T18", "odd_offset", "a storage at an odd place of the file",
     changed("data/0", base=plain(), local={"extra": zip_writer.extra(0x7777, b"xyz")},
             archive={"align": 0}), W)
twin("T20", "storage_of_no_tensor", "a storage that no tensor uses: reported",
     file(storages={"0": FLOATS, "1": FLOATS}), W)
twin("T21", "untyped_storage", "an untyped storage",
     file(state(REBUILD_3("float32", (4,), UNTYPED, 16))), W)
twin("T21", "cuda_storage", "the storage class of torch.cuda, as old torch wrote",
     file(state(tensor(kind=name("torch.cuda", "FloatStorage")))), W)
ODD = struct.pack("<4I", 0x7FC00001, 0x7F800000, 0x00000001, 0x80000000)
twin("T22", "nan_and_others", "NaN with a payload, infinity, the smallest denormal, -0",
     file(storages={"0": ODD}), {"w": listed(ODD, shape=[4])})

# T19: many storages that are each within bounds.
MIB_40 = 40 << 20
BOMBS = {str(n): bytes(MIB_40) for n in range(8)}


def bombs(out):
    made = records(mapping(*(
        (key, tensor((MIB_40,), kind="ByteStorage", key=key, count=MIB_40)) for key in BOMBS)),
                   BOMBS)
    out.write(build([Record(record.name, record.content, deflated=True, plain=True)
                     for record in made]))


bad("T19", "all_storages_over_the_budget", "eight deflated storages of 40 MiB, 40 KB each", bombs,
    "Limit", "max_expansion", describe="loads", at_run_time=True)

# K: of the rows on keys, those that describing a file decides.
object_("K01", "key_twice", "one key twice in a dict, which torch never writes",
        mapping(("w", tensor()), ("w", number(1))), "Key", "stands twice")
object_("K01", "equal_keys", "1 and True in one dict, which are one key in Python",
        mapping((number(1), NONE), (TRUE, NONE)), "Key", "stands twice")
twin("K02", "keys_of_other_types", "int, tuple, None and bool as keys: load as torch loads them",
     file(mapping((number(7), tensor()), (many(number(1), number(2)), NONE), (NONE, NONE),
                  (FALSE, number(3)))), {"7": W["w"]})
twin("K04", "odd_keys", "an empty key, a newline, and a terminal's escape sequence",
     file(mapping(("", tensor()), ("a\nb", tensor()), ("\x1b[31m", tensor()))),
     {"": W["w"], "a\nb": W["w"], "\x1b[31m": W["w"]})
twin("K04", "key_of_a_mebibyte", "a key of 1 MiB", file(mapping(("k" * (1 << 20), tensor()))), {},
     count=1, at_run_time=True)
twin("K07", "normal_forms", "keys that look alike: NFC, NFD, Cyrillic, capitals",
     file(mapping(*((key, tensor()) for key in ("é", "e\u0301", "a", "а", "A")))),
     {key: W["w"] for key in ("é", "e\u0301", "a", "а", "A")})
twin("K08", "values_that_are_no_tensors", "ints, text, None, lists and dicts beside tensors",
     file(mapping(("epoch", number(3)), ("state_dict", mapping(("w", tensor()))), ("n", NONE),
                  ("l", array(number(1), tensor())))), {"state_dict.w": W["w"], "l.1": W["w"]},
     values={"epoch": 3, "state_dict": {}, "n": None, "l": [1, {"$type": "tensor"}]})

# M: location tags. Describing lists them; a place for them is found by the stage after it.
INVALID, UNKNOWN = "Invalid device string", "don't know how to restore data location"
for what, tag, part in (
        ("cuda_-1", "cuda:-1", INVALID), ("cuda_256", "cuda:256", "is_available() is False"),
        ("cuda_300", "cuda:300", "is_available() is False"), ("cuda_hex", "cuda:0x1", INVALID),
        ("cuda_no_index", "cuda:", INVALID), ("cuda0", "cuda0", INVALID), ("gpu", "gpu", UNKNOWN),
        ("empty", "", UNKNOWN), ("capitals", "CPU", UNKNOWN), ("cpu_0", "cpu:0", UNKNOWN),
        ("meta_0", "meta:0", UNKNOWN), ("mps", "mps", "not recognized: mps"),
        ("newline", "cpu\n", UNKNOWN), ("nul", "cpu\0", UNKNOWN)):
    bad("M01", "tag_" + what, f"the location is {tag!r}", file(state(tensor(location=tag))),
        "Device", part, stage="place", describe="loads")
bad("M01", "tag_of_257_bytes", "a location of 257 bytes", file(state(tensor(location="c" * 257))),
    "Limit", "over 256", stage="manifest")
bad("M01", "tag_of_a_mebibyte", "a location of 1 MiB",
    file(state(tensor(location="c" * (1 << 20)))), "Limit", "over 256", stage="manifest",
    at_run_time=True)
bad("M02", "absent_device", "saved on cuda:1, which this machine has not",
    file(state(tensor(location="cuda:1"))), "Device", "torch.cuda.is_available() is False",
    stage="place", describe="loads")
twin("M01", "cpu", "saved on the CPU", file(), W)
twin("M05", "meta_tag", "a storage of 16 bytes with the location meta, which torch loads",
     file(state(tensor(location="meta"))), {"w": {**W["w"], "device": "meta"}})
