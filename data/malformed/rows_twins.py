"""The nearest file that is fine, for each row whose other cases are all malformed."""

import zip_writer
from pickle_code import *
from cases import listed, twin
from checkpoint import FLOATS, STATE, archive, changed, file, pickled, plain, records, with_records
from rows_pickle import holds
from rows_records import NOISE, deflated
from zip_writer import Record, build, extra, zip64

W = {"w": listed([1, 2, 3, 4])}
BASE = archive()
ELSEWHERE = 0xFFFFFFFF
SIZES = {"size": ELSEWHERE, "stored": ELSEWHERE}


def beside(row, what, about, code, **more):
    """A value "x" beside the usual tensor."""
    twin(row, what, about, file(mapping(("w", tensor()), ("x", code))), W, **more)


def as_storage(row, what, about, content):
    """A storage of these bytes."""
    size = len(content)
    twin(row, what, about, file(mapping(("w", tensor((size,), kind="ByteStorage", count=size))),
                                {"0": content}), {"w": listed(content, "uint8", [size])})


def backwards():
    """The records in their order, and a directory that lists the last of them first."""
    made = records()
    entries, body = [], b""
    for record in made:
        entries.append(Record(record.name, record.content, in_file=False,
                              central={"offset": len(body)}))
        body += record.write(len(body), 64)
    return build(entries[::-1], front=body, with64=False)


# Z: the container.
twin("Z05", "aligned_to_pages", "3,900 bytes in front of the first content: an extra field",
     archive(align=4096))
twin("Z07", "long_directory", "a directory that is longer than all records",
     changed("data/0", central={"comment": b"c" * 4000}))
twin("Z08", "directory_up_to_the_end_record", "a directory right in front of the end record",
     archive(with64=False))
twin("Z09", "disks_in_the_zip64_record", "disk numbers that are in the zip64 end record",
     archive(end={"disk": 0xFFFF, "directory_disk": 0xFFFF}))
twin("Z11", "directory_in_another_order", "a directory that lists the last record first",
     backwards())
twin("Z12", "umlaut_in_both_names", "a folder with an umlaut, in both headers",
     build([Record(record.name.replace(b"archive", "büro".encode()), record.content)
            for record in records()]))
twin("Z14", "local_extra_field", "a local extra field of 300 bytes",
     changed("data/0", local={"extra": extra(0x7777, bytes(296))}, archive={"align": 0}))
as_storage("Z16", "local_header_in_a_storage", "a storage holds what looks like another record",
           Record("archive/data.pkl", b"hidden", plain=True).write(0, 0))
twin("Z23", "names_that_begin_alike", "two records named data/0 and data/00",
     file(mapping(("w", tensor()), ("v", tensor(key="00"))), {"0": FLOATS, "00": FLOATS}),
     {**W, "v": W["w"]})
as_storage("Z25", "gzip_in_a_storage", "a storage holds the beginning of a gzip file",
           b"\x1f\x8b\x08\0\0\0\0\0")
twin("Z27", "constants_elsewhere", "constants.pkl, but not where torch.jit.save puts it",
     file(**{"extra/constants.pkl": PROTO + b")" + STOP}))
twin("Z28", "python_file", "a Python file inside of the folder, which nobody reads",
     file(**{"handler.py": b"import os\n"}))
as_storage("Z30", "archive_in_a_storage", "a storage holds a whole archive", BASE)

# Q: zip64.
twin("Q02", "field_among_others", "a zip64 field between two others",
     changed("data/0", central={**SIZES, "extra": extra(0x7777, b"") + zip64(16, 16) +
                                extra(0x8888, b"data")}))
twin("Q04", "locator_in_front_of_a_comment", "the locator, the end record, and a comment",
     archive(comment=b"a comment"))
twin("Q06", "a_hundred_records", "a hundred empty records more, counted in the zip64 record alone",
     build(records() + [Record(f"archive/more/{n}") for n in range(100)], align=0,
           end={"records": 0xFFFF, "disk_records": 0xFFFF}))
twin("Q07", "offset_in_a_zip64_field", "the offset of data/0 in a zip64 field",
     changed("data/0", central={"offset": ELSEWHERE,
                                "extra": zip64(BASE.index(b"archive/data/0") - 30)}))
twin("Q08", "fields_up_to_the_end", "two extra fields that fill their area",
     changed("data/0", central={"extra": extra(0x7777, b"0123456789") + extra(0x8888, b"")}))

# C, N, E: records and their names.
TIME = {"time": 0x6000, "date": 0x5000}
twin("C01", "time_of_day", "a stored record with a time of day",
     changed("data/0", local=TIME, central=TIME))
twin("C02", "deflated_pickle", "a data.pkl that compresses well",
     changed("data.pkl", deflated=True, content=program(
         mapping(("w", tensor()), ("text", text("again and again " * 500))))), W)
as_storage("C03", "4096_bytes", "a storage that holds the 4,096 bytes that it declares",
           bytes(4096))
twin("C05", "makes_what_is_declared", "a stream that makes the 256 bytes that are declared",
     deflated(zip_writer.deflate(NOISE)), {"w": listed(NOISE, "uint8", [256])})
twin("C08", "nothing_from_a_stream", "a deflated record of no content, which has a stream",
     build([Record(record.name, record.content, deflated=record.name.endswith(b"/1"), plain=True)
            for record in records(mapping(("w", tensor()), ("e", tensor((0,), key="1", count=0))),
                                  {"0": FLOATS, "1": b""})]), {**W, "e": listed([])})
twin("C09", "crc_of_the_content", "the CRC-32 of a deflated storage, which is of its content",
     changed("data/0", deflated=True))
twin("N01", "dots_in_names", "names with dots that lead nowhere",
     with_records(Record("archive/..x/y../.z", b"x")))
twin("N02", "control_character", "a name with another control character",
     with_records(Record("archive/a\x01b", b"x")))
twin("N05", "folder_with_a_space", "a folder of another name",
     build([Record(record.name.replace(b"archive", b"my model 2"), record.content)
            for record in records()]))
twin("N06", "executable", "data/0 has the mode of a file that can be run",
     changed("data/0", central={"external": 0o100755 << 16}))
twin("N10", "directory_of_10_kb", "a directory of 10 KB: each entry has a comment",
     build([Record(record.name, record.content, central={"comment": b"c" * 1000})
            for record in records()]))
twin("E02", "deflated_byteorder", "byteorder is deflated", changed("byteorder", deflated=True))

# P: the pickle machine.
holds("P01", "every_operand", "an operand of each length, and STOP",
      array(number(7), b"M\0\1", number(70_000), real(0.5), text("a"), number(2**40),
            number(1) + b"r\0\1\0\0", b"j\0\1\0\0"), [7, 256, 70_000, 0.5, "a", 2**40, 1, 1])
holds("P02", "proto_in_text", "the bytes of PROTO as text", mapping(("a", text("\x80\x02"))),
      {"a": "\x80\x02"})
holds("P04", "just_enough_values", "instructions that take all values that there are",
      number(1) + TUPLE1 + number(2) + TUPLE2,
      {"$type": "tuple", "items": [{"$type": "tuple", "items": [1]}, 2]})
holds("P05", "a_mark_in_a_mark", "two marks, and two that take them",
      EMPTY_LIST + MARK + MARK + number(1) + TUPLE + APPENDS,
      [{"$type": "tuple", "items": [1]}])
holds("P09", "entries_that_were_put", "BINGET and LONG_BINGET of entries that were put",
      array(number(1) + put(0), get(0), number(2) + put(300), get(300)), [1, 1, 2, 2])
holds("P11", "text_of_300_bytes", "BINUNICODE of 300 bytes, which are there", text("x" * 300),
      "x" * 300)
holds("P13", "frame_as_an_operand", "the byte of FRAME as a number", number(0x95), 0x95)
beside("P15", "names_of_the_list", "names that are on the list, as values",
       array(name("torch", "float32"), name("torch", "Size"), name("torch", "per_tensor_affine"),
             name("torch.storage", "UntypedStorage")))
beside("P16", "global", "GLOBAL, which protocol 2 has for STACK_GLOBAL",
       name("torch", "FloatStorage"))
holds("P17", "newobj", "NEWOBJ, which protocol 2 has",
      name("collections", "OrderedDict") + EMPTY_TUPLE + NEWOBJ, {})
twin("P23", "value_that_is_taken", "a value below the one at the top, which takes it in",
     pickled(PROTO + EMPTY_LIST + STATE + APPEND + STOP), {"0.w": W["w"]})
holds("P24", "stop_in_text", "STOP as text", mapping(("a", text("."))), {"a": "."})
holds("P26", "hostile_name_as_text", "the instructions of a hostile call, as text",
      text("cos\nsystem\n(X\4\0\0\0trueRt"), "cos\nsystem\n(X\4\0\0\0trueRt")
twin("P27", "build_on_an_ordered_dict", "BUILD with a dict, which sets attributes",
     file(ordered(("w", tensor())) + mapping(("note", number(1))) + BUILD), W)
beside("P30", "pickle_of_20_mib", "a data.pkl of 20 MiB of text", text("x" * (20 << 20)),
       at_run_time=True)

# G: names, and what is called.
twin("G01", "os_system_as_a_key", "os.system as a key, which is text",
     file(mapping(("os.system", tensor()))), {"os.system": W["w"]})
beside("G02", "name_of_a_submodule", "a name that is on the list with the submodule that it is in",
       call("torch.serialization", "_get_layout", text("torch.strided")))
beside("G03", "torch_device", "a call into torch that makes data",
       call("torch", "device", text("cpu")))
twin("G04", "double_storage", "a storage of class torch.DoubleStorage",
     file(mapping(("w", tensor((2,), kind="DoubleStorage", count=2)))),
     {"w": listed(FLOATS, "float64", [2])})
holds("G07", "name_as_it_is", "collections.Counter, letter by letter",
      call("collections", "Counter", mapping(("a", number(1)))),
      {"$type": "Counter", "items": [["a", 1]]})
holds("G09", "reduce_of_a_constructor", "REDUCE of what can be called",
      call("torch", "Size", numbers(2)), {"$type": "torch.Size", "items": [2]})
twin("G15", "attributes_of_a_module", "what a whole module holds, without its class",
     file(mapping(("training", TRUE), ("_parameters", mapping(("w", tensor()))))),
     {"_parameters.w": W["w"]})

# T, K, M: storages, tensors, keys, places.
PARTS = (text("storage") + put(0), name("torch", "FloatStorage") + put(1), text("0") + put(2),
         text("cpu") + put(3), number(4))
AGAIN = (get(0), get(1), get(2), get(3), number(4))
twin("T01", "id_from_the_memo", "a second persistent id, whose parts are in the memo",
     file(mapping(("w", tensor(of=many(*PARTS) + BINPERSID)),
                  ("v", tensor(of=many(*AGAIN) + BINPERSID)))), {**W, "v": W["w"]})
twin("T03", "record_of_another_key", "a storage whose only record is data/7",
     file(mapping(("w", tensor(key="7"))), {"7": FLOATS}), W)
twin("T04", "numel_in_other_bytes", "a number of elements as LONG1",
     file(mapping(("w", tensor(count=b"\x8a\1\4")))), W)
twin("T05", "tensor_of_half_a_storage", "a tensor of two elements, whose storage has four",
     file(mapping(("w", tensor((2,))))), {"w": listed([1, 2])})
as_storage("T06", "15_bytes", "15 elements of a byte", FLOATS[:15])
twin("T08", "offset_of_the_last", "an offset at the last element",
     file(mapping(("w", tensor((1,), offset=3)))), {"w": listed([4])})
twin("T09", "rank_of_1024", "a tensor of 1,024 dimensions",
     file(mapping(("w", tensor((1,) * 1024)))), {"w": listed([1], shape=[1] * 1024)})
twin("T11", "stride_up_to_the_end", "a stride that leads to the last element",
     file(mapping(("w", tensor((2,), strides=(3,))))), {"w": listed([1, 4])})
ZEROS = {str(n): bytes(4096) for n in range(8)}
twin("T19", "small_storages", "eight deflated storages of 4 KiB",
     build([Record(record.name, record.content, deflated=True, plain=True)
            for record in records(
                mapping(*((key, tensor((4096,), kind="ByteStorage", key=key, count=4096))
                          for key in ZEROS)), ZEROS)]),
     {key: listed(ZEROS[key], "uint8", [4096]) for key in ZEROS})
twin("K01", "number_and_text", "1 and '1' in one dict, which are two keys",
     file(mapping((number(1), NONE), ("1", tensor()))), {"1": W["w"]})
beside("M02", "device_as_a_value", "cuda:1 as a value, where no tensor has to go",
       call("torch", "device", text("cuda"), number(1)))
