"""Q01 to Q08: zip64 fields, end record and locator."""

import struct

import zip_writer
from cases import bad, twin
from checkpoint import archive, changed, plain
from zip_writer import zip64

BASE = archive()
END64 = BASE.index(b"PK\6\6")
DATA_0 = BASE.index(b"archive/data/0") - 30
ELSEWHERE = 0xFFFFFFFF
SIZES = {"size": ELSEWHERE, "stored": ELSEWHERE}

# Q01: "elsewhere", and nowhere.
for field in ("size", "stored", "offset"):
    bad("Q01", f"{field}_without_zip64_field",
        f"data/0's {field} is in a zip64 field that is not there",
        changed("data/0", central={field: ELSEWHERE}), "Container",
        "in a zip64 field, but none is", record="archive/data/0")
bad("Q01", "local_sizes_without_zip64_field", "the same in the local header",
    changed("data/0", base=plain(), local=SIZES), "Container", "contradicts the central directory",
    record="archive/data/0")
twin("Q01", "sizes_and_offset", "all three values in a zip64 field",
     changed("data/0", central={**SIZES, "offset": ELSEWHERE, "extra": zip64(16, 16, DATA_0)}))
twin("Q01", "local_sizes", "the local header's sizes in a zip64 field",
     changed("data/0", base=plain(), local={**SIZES, "extra": zip64(16, 16)}))

# Q02: zip64 fields that are too short, or two of them.
bad("Q02", "field_too_short", "one value where two are needed",
    changed("data/0", central={**SIZES, "extra": zip64(16)}), "Container",
    "too short for its values", record="archive/data/0")
bad("Q02", "field_of_7_bytes", "a field of 7 bytes",
    changed("data/0", central={"size": ELSEWHERE, "extra": zip_writer.extra(1, bytes(7))}),
    "Container", "too short for its values", record="archive/data/0")
bad("Q02", "two_fields", "two zip64 fields",
    changed("data/0", central={**SIZES, "extra": zip64(16, 16) + zip64(16, 16)}), "Container",
    "two zip64 fields", record="archive/data/0")

# Q03: zip64 values beside others that are no less valid.
bad("Q03", "value_differs_from_the_header", "the header says 16, the zip64 field 4,096",
    changed("data/0", central={"extra": zip64(4096, 4096)}), "Container", "contradicts the header",
    record="archive/data/0")
bad("Q03", "values_by_order_and_by_place",
    "which of two values is the offset depends on the reader",
    changed("data/0", central={"offset": ELSEWHERE, "extra": zip64(DATA_0, 16)}), "Container",
    "contradicts the header", record="archive/data/0")
twin("Q03", "values_that_agree", "a zip64 field that repeats the header",
     changed("data/0", central={"extra": zip64(16, 16, DATA_0)}))

# Q04: the locator.
LOCATOR = BASE.index(b"PK\6\7")
for what, offset, part in (
        ("outside", 1 << 40, "points outside"), ("at_itself", LOCATOR, "points outside"),
        ("at_a_record", 0, "does not point at a zip64 end record"),
        ("one_byte_early", END64 - 1, "does not point at a zip64 end record")):
    bad("Q04", "locator_" + what, f"the locator points {what.replace('_', ' ')}",
        archive(locator={"offset": offset}), "Container", part)

# Q05: the zip64 end record.
for what, size in (("too_small", 43), ("zero", 0), ("past_the_locator", 45), ("wraps", 2**64 - 1)):
    bad("Q05", "own_size_" + what, f"the zip64 end record says that it has {size} bytes more",
        archive(end64={"own_size": size}), "Container", "does not reach up to its locator")
for field in ("records", "disk_records", "directory_size", "directory_offset"):
    bad("Q05", field + "_differs", f"{field} is another in the plain end record",
        archive(end={field: lambda value: value + 1}), "Container", "contradicts the plain one")
ALL = {"disk": 0xFFFF, "directory_disk": 0xFFFF, "disk_records": 0xFFFF, "records": 0xFFFF,
       "directory_size": ELSEWHERE, "directory_offset": ELSEWHERE}
twin("Q05", "all_values_elsewhere", "a plain end record that leaves all to the zip64 one",
     archive(end=ALL))
twin("Q05", "extensible_data", "a zip64 end record with 8 bytes of its extensible data",
     archive(end64={"own_size": 52}, behind_end64=struct.pack("<HIH", 0x7777, 2, 0)))

# Q06: numbers that would size tables.
bad("Q06", "2_to_the_63_records", "2^63 records are declared",
    archive(end=ALL, end64={"records": 2**63, "disk_records": 2**63}), "Limit", "max_records")
bad("Q06", "2_to_the_40_bytes_of_directory", "a directory of 2^40 bytes is declared",
    archive(end=ALL, end64={"directory_size": 2**40}), "Limit", "max_directory_bytes")
bad("Q06", "more_records_than_the_directory_has_room_for", "4,000,000 records are declared",
    archive(end=ALL, end64={"records": 4_000_000, "disk_records": 4_000_000}), "Container",
    "too few for 4000000 records")

# Q07: offsets and sizes that wrap.
bad("Q07", "offset_2_to_the_64", "data/0 would begin at 2^64 - 1",
    changed("data/0", central={"offset": ELSEWHERE, "extra": zip64(2**64 - 1)}), "Bounds",
    "outside of the records' part",    record="archive/data/0")
bad("Q07", "size_wraps", "offset + header + size would wrap",
    changed("data/0", central={**SIZES, "extra": zip64(2**64 - 30, 2**64 - 30)}), "Bounds",
    "which reach past byte", record="archive/data/0")
bad("Q07", "last_size_wraps", "the same in the last record",
    changed(".data/serialization_id", central={**SIZES, "extra": zip64(2**64 - 30, 2**64 - 30)}),
    "Bounds", "which reach past byte", record="archive/.data/serialization_id")

# Q08: extra fields past their area.
OVERRUN = struct.pack("<HH", 0x7777, 40) + b"only these"
bad("Q08", "extra_field_overruns", "an extra field of 40 bytes in an area of 14",
    changed("data/0", central={"extra": OVERRUN}), "Bounds", "runs past the extra area",
    record="archive/data/0")
bad("Q08", "extra_field_of_3_bytes", "three bytes, too few for an extra field",
    changed("data/0", central={"extra": b"abc"}), "Bounds", "runs past the extra area",
    record="archive/data/0")
bad("Q08", "local_extra_field_overruns", "the same in the local header",
    changed("data/0", local={"extra": OVERRUN}), "Container", "contradicts the central directory",
    record="archive/data/0")
