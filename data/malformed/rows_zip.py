"""Z01 to Z15: the zip container: its end, its directory, and where records lie."""

import struct

import zip_writer
from cases import bad, listed, twin
from checkpoint import FLOATS, archive, changed, file, plain, records
from pickle_code import mapping, program, tensor
from zip_writer import Record, build

BASE = file()
DIRECTORY = BASE.index(b"PK\1\2")

# Z01: a file of a few bytes.
bad("Z01", "empty", "no bytes at all", b"", "TooShort", "the file is empty")
for count in (1, 3, 4, 21):
    bad("Z01", f"first_{count}_bytes", f"the first {count} bytes of a zip", BASE[:count],
        "TooShort", "at least 22 bytes")
twin("Z01", "whole", "the same file, whole", BASE)

# Z02: no end record.
bad("Z02", "no_end_record", "cut behind the last record", BASE[:DIRECTORY], "Container",
    "is cut short")
bad("Z02", "cut_in_a_storage", "cut inside of data/0", BASE[:BASE.index(FLOATS) + 7], "Container",
    "it stops after 7 bytes of this record", record="archive/data/0")
bad("Z02", "last_byte_missing", "all but the last byte", BASE[:-1], "Container", "is cut short")
bad("Z02", "end_record_too_far", "70,000 zeros follow the end record", BASE + bytes(70_000),
    "Container", at_run_time=True)
twin("Z02", "long_comment", "the longest comment that a zip may have: 65,535 bytes",
     archive(comment=b"-" * 65535), at_run_time=True)

# Z03: bytes behind the end, or comment lengths that say so.
bad("Z03", "byte_behind_the_end", "one byte follows the end record", BASE + b"\0", "Container",
    "bytes follow it")
bad("Z03", "comment_longer_than_the_file", "a comment of 5 bytes is said to have 6",
    archive(comment=b"12345", end={"comment_length": 6}), "Container", "bytes follow it, or are")
bad("Z03", "comment_shorter_than_the_rest", "a comment of 5 bytes is said to have 4",
    archive(comment=b"12345", end={"comment_length": 4}), "Container", "bytes follow it, or are")
twin("Z03", "comment", "a comment that reaches the end of the file", archive(comment=b"12345"))

# Z04: two end records.
HIDDEN = zip_writer.build([Record("archive/data.pkl", program(mapping()))])
bad("Z04", "end_record_in_the_comment", "the comment is an end record of another directory",
    archive(comment=HIDDEN[-22:]), "Container", "two end records")
bad("Z04", "archive_in_the_comment", "the comment is a whole archive", archive(comment=HIDDEN),
    "Container", "two end records")
END_AS_DATA = b"PK\5\6" + bytes(18)
twin("Z04", "end_record_in_a_storage", "a storage holds what looks like an end record",
     file(mapping(("w", tensor((22,), kind="ByteStorage", count=22))), {"0": END_AS_DATA}),
     {"w": listed(END_AS_DATA, "uint8", [22])})

# Z05: bytes in front of the first record.
for what, front, kind, part in (
        ("a_script", b"#!/bin/sh\nexit 0\n", "UnknownFormat", "no format that is known"),
        ("a_pickle", program(mapping()), "Unsupported", "a plain Python pickle"),
        ("a_hidden_record", Record("archive/data.pkl", b"hidden", plain=True).write(0, 0),
         "Container", "stand in front of the first record")):
    bad("Z05", what + "_in_front", f"{what.replace('_', ' ')} in front; all offsets count it",
        archive(front=front), kind, part)
bad("Z05", "offsets_do_not_count_the_front",
    "a record in front, as if the archive began behind it",
    Record("archive/data.pkl", b"hidden", plain=True).write(0, 0) + BASE, "Container",
    "does not point at a zip64 end record")

# Z06: how many records there are.
bad("Z06", "no_records", "an archive without records", build([], with64=False), "Container",
    "holds no records")
for change, what in ((1, "one_too_many"), (-1, "one_too_few")):
    more = {field: (lambda old, change=change: old + change)
            for field in ("records", "disk_records")}
    bad("Z06", what, f"the end record counts {what.replace('_', ' ')}",
        archive(end=more, with64=False), "Container", "its directory holds another number")
twin("Z06", "without_zip64", "the same archive without zip64 records", archive(with64=False))

# Z07: where the directory is.
bad("Z07", "directory_behind_the_file", "the directory would begin behind the end of the file",
    archive(end={"directory_offset": 1 << 20}, with64=False), "Bounds", "which reach past byte")
bad("Z07", "directory_over_the_end_record", "the directory would reach into the end record",
    archive(end={"directory_size": lambda size: size + 4}, with64=False), "Bounds",
    "where the end records begin")
bad("Z07", "offset_and_size_wrap", "offset and size add up to less than 2^64 when they wrap",
    archive(end={"directory_offset": 0xFFFFFFFF, "directory_size": 0xFFFFFFFF},
            end64={"directory_offset": lambda at: 2**64 - 4096,
                   "directory_size": 4096 + DIRECTORY}), "Bounds", "which reach past byte")

# Z08: bytes between the directory and the end records.
for what, where in (
        ("behind_the_directory", "behind_directory"),
        ("behind_the_zip64_end_record", "behind_end64")):
    bad("Z08", "bytes_" + what, f"four bytes {what.replace('_', ' ')}",
        archive(**{where: b"gap!"}), "Container",
        "but ends at byte" if where == "behind_directory" else "does not reach up")

# Z09: several disks.
for field in ("disk", "directory_disk"):
    bad("Z09", f"end_{field}", f"the end record says {field} 1",
        archive(end={field: 1}, with64=False), "Unsupported", "spans several disks")
bad("Z09", "count_of_this_disk", "records of this disk: one fewer than all",
    archive(end={"disk_records": lambda count: count - 1}, with64=False), "Unsupported",
    "spans several disks")
bad("Z09", "locator_disks", "the zip64 locator counts two disks", archive(locator={"disks": 2}),
    "Unsupported", "spans several disks")
bad("Z09", "record_on_disk_1", "one record lies on disk 1", changed("data/0", central={"disk": 1}),
    "Unsupported", "on another disk", record="archive/data/0")

# Z10: broken central headers.
bad("Z10", "signature", "the third entry has no signature",
    changed("byteorder", central={"signature": b"PK\1\3"}), "Container", "entry 3 of the central")
for field in ("name_length", "extra_length", "comment_length"):
    bad("Z10", field, f"the last entry's {field.replace('_', ' ')} runs past the directory",
        changed(".data/serialization_id", central={field: 4000}), "Bounds",
        "runs past the central directory")
twin("Z10", "comment_and_extra_field", "an entry with a comment and an unknown extra field",
     changed("data/0", central={"comment": b"hello", "extra": zip_writer.extra(0x7777, b"data")}))

# Z11: where the directory says that records are.
for what, offset, kind in (
        ("behind_the_file", 1 << 24, "Bounds"), ("in_the_directory", DIRECTORY, "Bounds"),
        ("in_a_storage", BASE.index(FLOATS), "Container")):
    bad("Z11", "offset_" + what, f"data/0 would begin {what.replace('_', ' ')}",
        changed("data/0", central={"offset": offset}), kind,
        "outside of the records' part" if kind == "Bounds" else "belong to no record")

# Z12: two names for one record.
bad("Z12", "local_name", "data/0 is called data/1 in its local header",
    changed("data/0", local={"name": b"archive/data/1"}), "Container",
    "another name in its local header", record="archive/data/0")
bad("Z12", "local_name_of_the_pickle", "another local name for data.pkl",
    changed("data.pkl", local={"name": b"archive/data.txt"}), "Container",
    "another name in its local header", record="archive/data.pkl")

# Z13: local headers that contradict the directory.
for field, value in (
        ("method", zip_writer.DEFLATED), ("flags", 0), ("size", 17), ("stored", 15), ("crc", 1)):
    bad("Z13", "local_" + field, f"the local header of data/0 has another {field}",
        changed("data/0", base=plain(), local={field: value}), "Container",
        "contradicts the central directory", record="archive/data/0")
twin("Z13", "local_headers_with_values", "local headers that hold all values, and no descriptors",
     build(plain()))

# Z14: local lengths that move the data.
bad("Z14", "local_extra_into_the_next_record", "data/0 would begin behind the record after it",
    changed("data/0", local={"extra_length": 300}), "Container", "where another record begins",
    record="archive/data/0")
bad("Z14", "local_extra_past_the_file", "the last record's extra field reaches past the file",
    changed(".data/serialization_id", local={"extra_length": 0xFFFF}), "Bounds",
    "where the directory begins", record="archive/.data/serialization_id")
bad("Z14", "local_name_length", "the local name reaches past the file",
    changed(".data/serialization_id", local={"name_length": 0xFFFF}), "Bounds",
    "where the directory begins", record="archive/.data/serialization_id")

# Z15: records that overlap. Two storages, and where they lie.
TWO = records(mapping(("w", tensor()), ("v", tensor(key="1"))), {"0": FLOATS, "1": FLOATS})
OFFSET = build(TWO).index(b"archive/data/0") - 30
bad("Z15", "shared_header", "two entries share one local header",
    changed("data/1", base=TWO, central={"offset": OFFSET}), "Container", "share one local header")
bad("Z15", "body_over_a_header", "data/0 reaches over the local header of data/1",
    changed("data/0", base=TWO, central={"stored": 200, "size": 200}), "Container",
    "where another record begins", record="archive/data/0")


def quoted():
    """Deflated records whose data begins with a stored block that holds the next local header, so
    that all of them end in one body (CVE-2024-0450)."""
    names = [b"archive/data/1", b"archive/data/0"]
    made = [Record("archive/data.pkl", program(mapping()), plain=True)]
    inner = Record(names[0], FLOATS * 8, deflated=True, plain=True)
    header = inner.write(0, 0)[:30 + len(names[0])]
    outer = Record(names[1], header + FLOATS * 8, plain=True, deflated=True, stored=b"\0" +
                   struct.pack("<HH", len(header), 0xFFFF ^ len(header)) + inner.write(0, 0))
    at = len(build(made, with64=False, align=0)) - 22 - len(made[0].entry(0))
    pointer = Record(names[0], FLOATS * 8, deflated=True, plain=True, in_file=False,
                     central={"offset": at + 30 + len(names[1]) + 5})
    return build([*made, outer, pointer], with64=False, align=0)


bad("Z15", "quoted_overlap", "a deflated record quotes the local header of another", quoted(),
    "Container", "reach past byte")
twin("Z15", "two_storages", "two storages, each with a header of its own", build(TWO),
     {"w": listed([1, 2, 3, 4]), "v": listed([1, 2, 3, 4])})
