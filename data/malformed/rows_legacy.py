"""Rows L: the formats before torch 1.6."""

import struct
import tarfile

from old_writer import *
from cases import bad, listed, twin

MOST = 2**63 - 1
ONE = {"w": listed([1, 2, 3, 4])}
TWO = mapping(("w", old_tensor(key="2")), ("v", old_tensor(key="10", count=1, sizes=(1,))))
STORAGES = {"2": raw(FLOATS), "10": raw(FLOATS[:4])}


def manifest(row, defect, about, content, kind, part, **more):
    bad(row, defect, about, content, kind, part, stage="manifest", **more)


def pickle(row, defect, about, content, kind, part, **more):
    bad(row, defect, about, content, kind, part, stage="pickle", **more)


twin("L01", "as_torch_writes_it", "a stream as torch writes it", stream(), ONE)
bad("L01", "other_magic", "a magic number that is another", stream(magic=MAGIC[:6] + b"\0" + MAGIC[7:]),
    "Unsupported", "plain Python pickle")
bad("L01", "magic_cut", "a file that ends in the magic number", MAGIC[:13], "Unsupported",
    "plain Python pickle")
bad("L01", "magic_by_a_call", "a magic number that is made by a call",
    stream(magic=program(call("builtins", "int", b"\x8a\x0a" + MAGIC[4:14]))), "Unsupported",
    "plain Python pickle")
pickle("L01", "magic_of_protocol_4", "a stream of pickles of protocol 4",
       b"\x80\x04\x95" + struct.pack("<Q", 13) + MAGIC[2:] + stream()[15:], "Unsupported",
       "protocol 4", record="magic_number")

twin("L02", "of_a_big_machine", "a machine that says it is big-endian: elements are little-endian all the same",
     stream(info=system_info(little=FALSE, sizes=(2, 4, 8))), ONE)
manifest("L02", "version_1002", "version 1002", stream(version=program(number(1002))), "Unsupported",
         "version is 1002", record="protocol_version")
manifest("L02", "version_no_number", "a version that is None", stream(version=program(NONE)),
         "Unsupported", "version is no number", record="protocol_version")
manifest("L02", "version_in_two_ways", "another version in sys_info", stream(info=system_info(1000)),
         "Container", "in two ways", record="sys_info")
manifest("L02", "byte_order_none", "a byte order that is None", stream(info=system_info(little=NONE)),
         "ByteOrder", "neither little nor big", record="sys_info")
manifest("L02", "sizes_of_types", "a short of three bytes", stream(info=system_info(sizes=(3, 4, 4))),
         "Container", "sizes of types", record="sys_info")
manifest("L02", "info_no_dict", "sys_info that is a list", stream(info=program(EMPTY_LIST)),
         "Container", "in two ways", record="sys_info")

twin("L03", "two_keys", "two keys, sorted as torch sorts them: as text",
     stream(TWO, ("10", "2"), STORAGES["10"] + STORAGES["2"]), {**ONE, "v": listed([1])})
for defect, about, keys, part in (
        ("unknown_key", "a key to which nothing refers", (KEY, "7"), "nothing refers to it"),
        ("no_key", "an empty list", (), "not on the list"),
        ("key_twice", "one key twice", (KEY, KEY), "twice")):
    manifest("L03", defect, about, stream(keys=keys, storages=raw(FLOATS) * 2), "Storage", part)
manifest("L03", "no_list", "keys that are a dict", stream(key_list=program(EMPTY_DICT)), "Container",
         "no list", record="storage_keys")
manifest("L03", "key_no_text", "a key that is a number",
         stream(key_list=program(array(number(int(KEY))))), "Container", "no text",
         record="storage_keys")
manifest("L03", "many_keys", "two thousand keys to which nothing refers",
         stream(keys=[KEY] + [str(i) for i in range(2000)]), "Storage",
         "nothing refers to it")

twin("L04", "empty_storage", "a storage of no elements",
     stream(mapping(("w", old_tensor((0,), count=0))), storages=raw(b"")), {"w": listed([])})
for defect, about, count, kind, part in (
        ("count_below", "a count of 3, where the object says 4", 3, "Storage", "expected 4 elements"),
        ("count_above", "a count of 5, where the object says 4", 5, "Storage", "expected 4 elements"),
        ("count_negative", "a count of -1", -1, "Storage", "-1 elements"),
        ("count_huge", "a count of 2^63 - 1", MOST, "Storage", "expected 4 elements")):
    bad("L04", defect, about, stream(storages=raw(FLOATS, count=count)), kind, part, record=KEY)
manifest("L04", "counts_wrap", "2^63 - 1 elements in both places",
         stream(mapping(("w", old_tensor(count=MOST))), storages=raw(FLOATS, count=MOST)), "Storage",
         "overflow")
bad("L04", "counts_beyond_the_file", "2^40 elements in both places",
    stream(mapping(("w", old_tensor(count=2**40))), storages=raw(FLOATS, count=2**40)), "Bounds",
    "only 16 bytes follow", record=KEY)

twin("L05", "another_stream_behind", "a second checkpoint behind the first", stream(behind=stream()), ONE)
bad("L05", "last_byte_missing", "a storage that lacks its last byte", stream()[:-1], "Bounds",
    "only 15 bytes follow", record=KEY)
pickle("L05", "ends_in_a_count", "a file that ends in the count of a storage", stream()[:-20],
       "Bounds", "4 bytes too early")
pickle("L05", "ends_in_the_object", "a file that ends in the object", stream()[:200], "Pickle", "",
       record="object")
manifest("L05", "bytes_behind", "bytes behind the last storage", stream(behind=b"x" * 40),
         "Container", "40 bytes that are no other checkpoint")
manifest("L05", "zip_behind", "the beginning of a zip behind the last storage",
         stream(behind=b"PK\3\4" + bytes(40)), "Container", "no other checkpoint")

SLICE = lambda slice_key, offset, count, **more: old_storage(
    view=many(text(slice_key), number(offset), number(count)), **more)
twin("L06", "slice", "a tensor of a slice of a storage",
     stream(mapping(("w", old_tensor((2,), of=SLICE("5", 1, 3))), ("v", old_tensor()))),
     {"w": listed([2, 3]), "v": listed([1, 2, 3, 4])})
for defect, about, slices in (
        ("slice_past_the_end", "a slice of five of four elements", (("5", 0, 5),)),
        ("slice_behind_the_end", "a slice that begins at element 5 of 4", (("5", 5, 0),)),
        ("slice_negative", "a slice that begins at -1", (("5", -1, 2),)),
        ("slice_wraps", "a slice whose end wraps", (("5", 2, MOST),)),
        ("two_slices_of_one_key", "one key for two slices", (("5", 0, 1), ("5", 1, 1))),
        ("slice_of_itself", "a slice that has its storage's key", ((KEY, 0, 4),))):
    tensors = [(f"t{i}", old_tensor((1,), of=SLICE(*one))) for i, one in enumerate(slices)]
    manifest("L06", defect, about, stream(mapping(*tensors)), "Storage", "slice")
manifest("L06", "tensor_leaves_its_slice", "a tensor that stays in the storage, but not in its slice",
         stream(mapping(("w", old_tensor((2,), offset=1, of=SLICE("5", 0, 2))))), "Layout", "")
manifest("L06", "slice_and_storage", "one key for a slice and for a storage",
         stream(mapping(("w", old_tensor(of=SLICE("10", 0, 4, key="2"))),
                        ("v", old_tensor((1,), key="10", count=1))),
                ("10", "2"), STORAGES["10"] + STORAGES["2"]), "Storage", "slice and a storage")

SOURCE = text("import os\nos.system('true')\n")
twin("L07", "text_of_a_class", "the source of a class as a value",
     stream(mapping(("w", old_tensor()), ("source", SOURCE))), ONE)
pickle("L07", "module_with_source", "a class with its source text",
       stream(many(text("module"), name("my.nets", "Net"), text("net.py"), SOURCE) + BINPERSID),
       "Global", "my.nets.Net", record="object")
manifest("L07", "listed_class_with_source", "a class that is data, with a source text",
         stream(many(text("module"), name("collections", "OrderedDict"), text("net.py"), SOURCE) +
                BINPERSID), "PersId", "None or a slice")
manifest("L07", "id_of_a_zip", "a persistent id without its sixth item",
         stream(mapping(("w", old_tensor(of=storage(key=KEY))))), "PersId", "None or a slice")
pickle("L07", "id_no_tuple", "a persistent id that is a number",
       stream(mapping(("w", old_tensor(of=number(7) + BINPERSID)))), "PersId", "not a tuple",
       record="object")

twin("L08", "unsorted_list", "keys in another order than torch's: the list decides",
     stream(TWO, ("2", "10"), STORAGES["2"] + STORAGES["10"]), {**ONE, "v": listed([1])})
bad("L08", "order_of_the_other", "storages in the order in which the list is not",
    stream(TWO, ("2", "10"), STORAGES["10"] + STORAGES["2"]), "Storage", "expected 4 elements, got 1",
    record="2")

twin("L09", "byte_of_stop_in_strings", "strings full of STOPs",
     stream(mapping(("w", old_tensor()), ("." * 300, py2("..")))), ONE)
for defect, about, parts, record in (
        ("magic_goes_on", "a magic number that does not stop", {"magic": MAGIC[:-1]}, "magic_number"),
        ("info_does_not_stop", "sys_info that does not stop", {"info": system_info()[:-1]}, "sys_info"),
        ("object_does_not_stop", "an object that does not stop", {"whole": program(OLD_STATE)[:-1]},
         "object"),
        ("keys_do_not_stop", "keys that do not stop", {"key_list": program(array(text(KEY)))[:-1]},
         "storage_keys")):
    pickle("L09", defect, about, stream(**parts), "Pickle", "", record=record)
pickle("L09", "string_past_the_file", "a string that is longer than the file",
       stream(whole=PROTO + b"X" + struct.pack("<I", 2**31) + b"abc"), "Pickle", "runs past",
       record="object")

# L10: tars.
twin("L10", "as_torch_wrote_it", "a tar as torch 0.1 wrote it", tar_file(), ONE)
twin("L10", "gnu", "the same with GNU headers",
     tar(tar_members().items(), format=tarfile.GNU_FORMAT), ONE)
twin("L10", "other_order", "the members in another order", tar(list(tar_members().items())[::-1]), ONE)
twin("L10", "slice", "a tensor of a slice", tar_file(
    tensors=[saved_tensor(7, 8, (2,), offset=1)], view=[(8, 3, 1, 3)]), {"w": listed([3, 4])})


def changed_tar(defect, about, kind, part, change, **more):
    bad("L10", defect, about, tar(tar_members().items(), tarfile.USTAR_FORMAT, change), kind, part, **more)


def retyped(kind):
    def change(info):
        if info.name == "tensors":
            info.type, info.linkname = kind, "storages"
    return change


def renamed(to):
    def change(info):
        if info.name == "tensors":
            info.name = to
    return change


for defect, kind, part in (
        ("hard_link", tarfile.LNKTYPE, "a link"), ("symbolic_link", tarfile.SYMTYPE, "a link"),
        ("device", tarfile.CHRTYPE, "a device"), ("pipe", tarfile.FIFOTYPE, "a device or pipe"),
        ("folder", tarfile.DIRTYPE, "a folder"), ("holes", b"S", "a file with holes"),
        ("unknown_type", b"Z", "an entry that")):
    content = tar(tar_members().items(), change=retyped(kind))
    bad("L10", defect, f"a member that is {part} ({kind.decode()})", content, "Unsupported", part)
for defect, to, kind, part in (
        ("parent_folder", "../tensors", "Name", "relative part"),
        ("absolute", "/tensors", "Name", "absolute"),
        ("backslash", "a\\tensors", "Name", "backslash"),
        ("twice", "storages", "Name", "two members"),
        ("other_name", "tensor", "Unsupported", "archive of files")):
    changed_tar("name_" + defect, f"a member named {to}", kind, part, renamed(to))
bad("L10", "archive_of_files", "a tar of other files", tar([("model/a.pt", stream())]), "Unsupported",
    "archive of files")
bad("L10", "many_members", "a tar of seventeen members", tar([(f"f{i}", b"") for i in range(17)], tarfile.USTAR_FORMAT),
    "Unsupported", "more than 16 members")
bad("L10", "fifth_member", "a member more than torch wrote",
    tar([*tar_members().items(), ("more", b"x")]), "Unsupported", "archive of files")
PLAIN = tar(tar_members().items(), format=tarfile.USTAR_FORMAT)


def at(offset, value, content=PLAIN, sums=True):
    """The tar with other bytes in its first header."""
    block = bytearray(content[:512])
    block[offset:offset + len(value)] = value
    if sums:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content[512:]


bad("L10", "checksum", "a header whose checksum is wrong", at(0, b"S", sums=False), "Container",
    "checksum of a tar header")
bad("L10", "size_no_number", "a size that is no number", at(124, b"zz"), "Container", "no number")
bad("L10", "size_beyond_the_file", "a size of 8 GiB", at(124, b"77777777777"), "Bounds", "only")
bad("L10", "size_in_binary", "a size in binary", at(124, b"\x80" + bytes(11)), "Container", "no number")
bad("L10", "no_end", "no zeros at the end", tar(tar_members().items(), end=False), "Container", "")
bad("L10", "end_of_one_block", "one block of zeros at the end",
    tar(tar_members().items(), end=False).ljust(-(-len(tar(tar_members().items(), end=False)) // 512) * 512
                                               + 512, b"\0"), "Container", "512 bytes of zeros")
bad("L10", "bytes_behind_the_end", "a byte behind the end", tar_file() + b"x", "Container",
    "belongs to no member")
bad("L10", "bytes_in_the_fill", "a byte in what fills a member's last block",
    PLAIN[:1023] + b"x" + PLAIN[1024:], "Container", "belongs to no member")


def with_pax(**fields):
    return tar(tar_members().items(), change=lambda info: info.pax_headers.update(fields))


bad("L10", "pax_path", "a pax header that renames a member", with_pax(path="x\u00e4"), "Unsupported",
    "sets 'path'")
bad("L10", "pax_sparse", "a pax header of a sparse file", with_pax(**{"GNU.sparse.major": "1"}),
    "Unsupported", "sets 'GNU.sparse.major'")
bad("L10", "pax_malformed", "a pax header whose lengths are wrong",
    tar_file().replace(b" mtime=", b"9mtime=", 1), "Container", "pax header is malformed")


def tar_fault(defect, about, kind, part, stage="manifest", record=None, **parts):
    content = tar_file(format=tarfile.USTAR_FORMAT, **parts)
    bad("L10", defect, about, content, kind, part, stage=stage, record=record or "")


tar_fault("version", "version 1001 in sys_info", "Container", "in two ways", info=system_info(1001))
tar_fault("id_unknown", "an id to which nothing belongs", "PersId", "not the number", "pickle",
          code=mapping((py2("w"), saved(8))))
tar_fault("id_no_number", "an id that is a text", "PersId", "not the number", "pickle",
          code=mapping((py2("w"), py2("x") + BINPERSID)))
tar_fault("id_tuple", "an id of the later format", "PersId", "not the number", "pickle",
          code=mapping((py2("w"), old_storage())))
tar_fault("number_twice", "a tensor with a storage's number", "Storage", "given twice",
          tensors=[saved_tensor(3, 3, (4,))])
tar_fault("storage_twice", "one storage twice", "Storage", "given twice",
          storages=[saved_storage(3, FLOATS)] * 2)
tar_fault("count_of_storages", "one storage more than there is", "Container", "torch 0.1 wrote",
          storages=listed_objects([saved_storage(3, FLOATS)], 2, views()))
tar_fault("count_negative", "-1 storages", "Container", "torch 0.1 wrote",
          storages=program(number(-1)))
tar_fault("count_of_elements", "2^40 elements", "Bounds", "bytes follow", "container",
          storages=[saved_storage(3, FLOATS, count=2**40)])
tar_fault("no_storage", "a tensor without a storage", "Storage", "has no storage",
          tensors=[saved_tensor(7, None, ())])
tar_fault("storage_of_a_tensor", "a tensor of a number that is none", "Storage", "has no storage",
          tensors=[saved_tensor(7, 4, (4,))])
tar_fault("tensor_leaves_its_storage", "five of four elements", "Layout", "",
          tensors=[saved_tensor(7, 3, (5,))])
tar_fault("size_negative", "a negative size", "Layout", "", tensors=[saved_tensor(7, 3, (-1,), (1,))])
tar_fault("offset_negative", "a negative offset", "Layout", "", tensors=[saved_tensor(7, 3, (1,), offset=-1)])
tar_fault("rank_huge", "a rank of 2^31 - 1", "Limit", "max_rank",
          tensors=[saved_tensor(7, 3, (4,), rank=2**31 - 1)])
tar_fault("rank_negative", "a rank of -1", "Limit", "max_rank", tensors=[saved_tensor(7, 3, (4,), rank=-1)])
tar_fault("rank_beyond_the_member", "a rank of 1,000 with the numbers of one", "Bounds", "too early",
          "pickle", tensors=[saved_tensor(7, 3, (4,), rank=1000)])
tar_fault("slice_of_nothing", "a slice of a storage that is not there", "Storage", "is not there",
          view=[(8, 9, 0, 1)])
tar_fault("slice_of_a_slice", "a slice of a slice", "Storage", "is not there",
          view=[(8, 3, 0, 2), (9, 8, 0, 1)])
tar_fault("slice_outside", "a slice that leaves its storage", "Storage", "slice", view=[(8, 3, 2, 3)])
tar_fault("bytes_behind_tensors", "bytes behind the tensors", "Container", "2 bytes follow",
          tensors=listed_objects([saved_tensor(7, 3, (4,))], behind=b"xx"))
tar_fault("class_of_storage", "a storage of no class", "Container", "torch 0.1 wrote",
          storages=[program(many(number(3), py2("cpu"), NONE)) + raw(FLOATS)])
