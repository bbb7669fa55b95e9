"""Cases that are too large to keep: the test writes them, with holes where that is possible."""

import zlib

from pickle_code import *
from cases import bad, listed, twin
from checkpoint import archive, file, plain
from zip_writer import Record, build, zip64

ELSEWHERE = 0xFFFFFFFF
GIB = 1 << 30
TIB = 1 << 40


def with_hole(size, name, made, **more):
    """Writes an archive whose last record, `name`, holds `size` zeros that take no room."""
    def write(out):
        big = {"size": ELSEWHERE, "stored": ELSEWHERE, "crc": 0}
        record = Record(name, b"", plain=True, local={**big, "extra": zip64(size, size)})
        front = build(made + [record], with64=False, align=0)
        start = len(front) - 22 - sum(len(r.entry(0)) for r in made + [record])
        offset = start - len(record.write(0, 0))
        out.write(front[:start])
        entries = b"".join(_entries(made)) + Record(
            name, b"", plain=True, central={**big, "extra": zip64(size, size)}).entry(offset)
        out.seek(start + size)
        end = build([],
                    end64={"records": len(made) + 1, "disk_records": len(made) + 1,
                           "directory_size": len(entries), "directory_offset": start + size},
                    locator={"offset": start + size + len(entries)},
                    end={"records": 0xFFFF, "disk_records": 0xFFFF, "directory_size": ELSEWHERE,
                         "directory_offset": ELSEWHERE})
        out.write(entries + end)
    return write


def _entries(made):
    at = 0
    for record in made:
        yield record.entry(at)
        at += len(record.write(at, 0))


def of_size(size):
    code = mapping(("w", tensor((size,), kind="ByteStorage", count=size)))
    return [record for record in plain(code=code, storages={})
            if b"serialization" not in record.name]


# Z20: many records.
def many_records(**more):
    tiny = [Record(b"archive/%d" % n, plain=True) for n in range(65536 - 8)]
    return lambda out: out.write(build(tiny + plain(), align=0, **more))


bad("Z20", "65536_records_without_zip64", "65,536 records, which wrap to 0 in the end record",
    many_records(with64=False, end={"records": 0, "disk_records": 0}), "Container",
    "holds another number", at_run_time=True)
twin("Z20", "65536_records", "65,536 records, with zip64",
     many_records(end={"records": 0xFFFF, "disk_records": 0xFFFF}), at_run_time=True)
MANY = {"records": 5_000_000, "disk_records": 5_000_000}
bad("Z20", "five_million_records_declared", "five million records are declared",
    archive(end={"records": 0xFFFF, "disk_records": 0xFFFF}, end64=MANY), "Limit", "max_records")


# C02: a pickle of a quarter of a gibibyte.
def pickle_bomb(out):
    size = GIB // 4
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = EMPTY_DICT * (1 << 20)
    crc = zlib.crc32(PROTO)
    stream = compressor.compress(PROTO)
    for _ in range(size >> 20):
        stream += compressor.compress(block)
        crc = zlib.crc32(block, crc)
    stream += compressor.flush()
    values = {"size": size + 2, "crc": crc}
    out.write(build([Record("archive/data.pkl", b"", deflated=True, stored=stream, plain=True,
                            local=values, central=values)] + plain()[1:]))


bad("C02", "pickle_of_256_mib", "a data.pkl of 256 MiB, deflated to a quarter of one", pickle_bomb,
    "Limit", "over max_expansion", at_run_time=True)

# N10, P30: directories and pickles of gibibytes that take no room.
def directory_of_zeros(size, count):
    def write(out):
        body = build(plain(), with64=False)
        start = body.index(b"PK\1\2")
        out.write(body[:start])
        out.seek(start + size)
        out.write(build([],
                        end64={"records": count, "disk_records": count, "directory_size": size,
                               "directory_offset": start}, locator={"offset": start + size},
                        end={"records": 0xFFFF, "disk_records": 0xFFFF,
                             "directory_size": ELSEWHERE, "directory_offset": ELSEWHERE}))
    return write


bad("N10", "directory_of_2_gib", "a directory of 2 GiB of zeros that take no room",
    directory_of_zeros(2 * GIB, 8), "Limit", "max_directory_bytes", at_run_time=True)
bad("N10", "directory_of_a_gibibyte",
    "a directory of 1 GiB of zeros that take no room: max_directory_bytes allows it",
    directory_of_zeros(GIB, 8), "Limit", "", at_run_time=True)
bad("P30", "pickle_of_3_gib", "a data.pkl of 3 GiB of zeros that take no room",
    with_hole(3 * GIB, "archive/data.pkl", of_size(16)[1:]), "Limit", "", at_run_time=True)

# V07: files that are mostly holes.
bad("V07", "storage_of_a_tebibyte", "a storage of 1 TiB of zeros that take no room",
    with_hole(TIB, "archive/data/0", of_size(TIB)), "Limit", "max_expansion", describe="loads",
    at_run_time=True)
bad("V07", "a_tebibyte_of_nothing", "1 TiB of zeros that take no room",
    lambda out: out.truncate(TIB), "UnknownFormat", "", at_run_time=True)
bad("V07", "a_zip_of_a_tebibyte_without_end",
    "the beginning of a checkpoint, then 1 TiB of nothing",
    lambda out: (out.write(file()[:600]), out.truncate(TIB)), "Container", "is cut short",
    at_run_time=True)
twin("V07", "storage_of_16_mib", "a storage of 16 MiB of zeros that take no room",
     with_hole(1 << 24, "archive/data/0", of_size(1 << 24)),
     {"w": listed(bytes(1 << 24), "uint8", [1 << 24])}, at_run_time=True)
