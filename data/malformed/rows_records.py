"""C01 to C12, N01 to N10, E01 to E03: the content of records, their names, the byte order."""

import struct

import zip_writer
from cases import bad, listed, twin
from checkpoint import FLOATS, STATE, changed, file, plain, records, with_records
from pickle_code import EMPTY_DICT, PROTO, STOP, call, mapping, program, tensor, text
from zip_writer import Record, build, deflate

W = {"w": listed([1, 2, 3, 4])}
DATA_0, PICKLE = "archive/data/0", "archive/data.pkl"
GIB_2_2 = {"stored": 2_200_000_000, "size": 2_200_000_000}

# C01, C03, C08: sizes of stored records.
bad("C01", "stored_size_differs", "a stored record of 16 bytes is said to hold 4,096",
    changed("data/0", central={"size": 4096}), "Container", "two different sizes", record=DATA_0)
bad("C01", "stored_size_differs_with_a_time",
    "the same with a time of day, which skips the check of torch's reader",
    changed("data/0", central={"size": 4096, "time": 0x6000}), "Container", "two different sizes",
    record=DATA_0)
bad("C03", "2_gb_in_a_small_file", "data/0 declares 2.2 GB", changed("data/0", central=GIB_2_2),
    "Bounds", "2200000000 bytes", record=DATA_0)
bad("C03", "pickle_of_2_gb_in_a_small_file", "data.pkl declares 2.2 GB",
    changed("data.pkl", central=GIB_2_2), "Bounds", "2200000000 bytes", record=PICKLE)
bad("C08", "content_from_nothing", "data/0 has no bytes in the file, and 16 of content",
    changed("data/0", stored=b"", content=b"", central={"size": 16}), "Container",
    "two different sizes", record=DATA_0)
bad("C08", "deflated_content_from_nothing", "the same, deflated",
    changed("data/0", deflated=True, stored=b"", central={"stored": 0}), "Container",
    "a record without bytes", record=DATA_0)

# C02, C04: bombs.
bad("C02", "deflated_pickle", "a data.pkl of 8 MiB, deflated to 8 KB",
    changed("data.pkl", deflated=True, content=program(EMPTY_DICT * (1 << 23))), "Limit",
    "over max_expansion", record=PICKLE)
TIB = {"size": 0xFFFFFFFF, "extra": zip_writer.zip64(1 << 40, len(deflate(FLOATS)))}
WANTED = mapping(("w", tensor((1 << 40,), kind="ByteStorage", count=1 << 40)))
bad("C04", "declares_a_tebibyte", "a deflated data/0 that declares 1 TiB",
    changed("data/0", base=plain(code=WANTED), deflated=True, central=TIB, local=TIB), "Limit",
    "max_expansion", describe="loads")
ZEROS = records(mapping(("w", tensor((1 << 14,), count=1 << 14))), {"0": bytes(1 << 16)})
twin("C04", "zeros", "a deflated storage of 64 KiB of zeros",
     changed("data/0", base=ZEROS, deflated=True), {"w": listed(bytes(1 << 16), shape=[1 << 14])})

# C05 to C07: deflated data. Content that hardly compresses, so that its stream has some length.
NOISE = bytes((i * 167 + (i >> 3) * 59) % 251 for i in range(256))
STREAM = deflate(NOISE)
BYTES = mapping(("w", tensor((256,), kind="ByteStorage", count=256)))


def deflated(stream, **more):
    base = records(BYTES, {"0": NOISE})
    return changed("data/0", base=base, deflated=True, stored=stream, **more)


def stored_blocks(*parts):
    return b"".join(b"\0" + struct.pack("<HH", len(part), 0xFFFF ^ len(part)) + part
                    for part in parts)


def bits(text):
    """The bytes of a deflate stream, of which `text` has the bits in their order."""
    text = text.replace(" ", "")
    return bytes(int(text[at:at + 8][::-1], 2) for at in range(0, len(text), 8))


LAST_EMPTY = b"\x03\0"  # a last block of fixed codes without symbols
bad("C05", "makes_more", "the stream makes 257 bytes, 256 are declared",
    deflated(deflate(NOISE + b"!")), "Container", "makes more than the declared", record=DATA_0,
    describe="loads")
bad("C05", "makes_fewer", "the stream makes 255 bytes, 256 are declared",
    deflated(deflate(NOISE[:-1])), "Container", "makes fewer than the declared", record=DATA_0,
    describe="loads")
bad("C05", "pickle_makes_more", "data.pkl makes one byte more than declared",
    changed("data.pkl", deflated=True, stored=deflate(program(STATE) + b".")), "Container",
    "makes more than the declared", record=PICKLE)
for what, stream, about in (
        ("cut_short", STREAM[:-9], "the stream stops early"),
        ("bad_block_type", b"\x07" + STREAM[1:], "a block of type 3, which there is not"),
        ("bad_huffman_table", b"\x05" + b"\xff" * 40, "code lengths that make no code"),
        ("far_distance", bits("1 10 0000001 11101" + 13 * "0" + "0000000"),
         "a match in front of the first byte"),
        ("bad_stored_length", b"\x01\x10\x00\x10\x00" + NOISE,
         "a stored block whose two lengths contradict each other")):
    bad("C06", what, about, deflated(stream), "Container", "malformed", record=DATA_0,
        describe="loads")
bad("C07", "bytes_behind_the_stream", "bytes follow the last block", deflated(STREAM + b"more"),
    "Container", "4 bytes follow the deflated data", record=DATA_0, describe="loads")
bad("C07", "a_thousand_empty_blocks_and_no_last", "stored blocks without content, and no last one",
    deflated(stored_blocks(*[b""] * 1000)), "Container", "malformed", record=DATA_0,
    describe="loads")
ALL_BYTES = {"w": listed(NOISE, "uint8", [256])}
twin("C07", "empty_blocks", "a hundred empty blocks in front of the content",
     deflated(stored_blocks(*[b""] * 100, NOISE) + LAST_EMPTY), ALL_BYTES)
twin("C06", "stored_blocks", "a stream of stored blocks",
     deflated(stored_blocks(NOISE[:100], NOISE[100:]) + LAST_EMPTY), ALL_BYTES)

# C09 to C12: CRC-32.
WRONG = {"crc": lambda crc: crc ^ 1}
bad("C09", "crc_of_the_pickle", "the CRC-32 of data.pkl is wrong",
    changed("data.pkl", central=WRONG, descriptor=WRONG), "Checksum", "CRC-32", record=PICKLE)
bad("C09", "crc_of_a_storage", "the CRC-32 of data/0 is wrong",
    changed("data/0", central=WRONG, descriptor=WRONG), "Checksum", "CRC-32", record=DATA_0,
    describe="loads")
bad("C09", "crc_of_a_deflated_storage", "the same where it is deflated",
    changed("data/0", deflated=True, central=WRONG, descriptor=WRONG), "Checksum", "CRC-32",
    record=DATA_0, describe="loads")
NONE = {"crc": 0}


def without_crc(serialization_id):
    made = [Record(record.name, record.content, central=NONE, descriptor=NONE)
            for record in records()[:-1]]
    return build(made + [Record("archive/.data/serialization_id", serialization_id)])


chain = 0
for made_record in records()[:-1]:
    chain ^= (0x9E3779B9 + (chain << 6) + (chain >> 2)) % 2**64
twin("C10", "without_crc", "no record has a CRC-32, and the id agrees: set_crc32_options(False)",
     without_crc(b"%020d%020d" % (561108523619670529, chain)))
twin("C10", "without_crc_and_id", "one record without a CRC-32, in an archive without an id",
     build([Record(record.name, record.content,
                   central=NONE if record.name.endswith(b"/0") else {},
                   descriptor=NONE if record.name.endswith(b"/0") else {})
            for record in records()[:-1]]))
bad("C10", "crc_removed",
    "the CRC-32 of data/0 was made 0 after the file was written: the id disagrees",
    changed("data/0", central=NONE, descriptor=NONE), "Checksum",
    "removed after the file was written", record=DATA_0)
twin("C11", "empty_storage", "a storage of no bytes, which has a record",
     file(mapping(("w", tensor()), ("e", tensor((0,), key="1", count=0))),
          {"0": FLOATS, "1": b""}), {**W, "e": listed([])})
FLIPPED = bytes([FLOATS[0] ^ 1]) + FLOATS[1:]
twin("C12", "flipped_bit_with_its_crc",
     "a flipped bit whose CRC-32 was made anew: nobody can tell", file(storages={"0": FLIPPED}),
     {"w": listed(FLIPPED, shape=[4])})

# N01 to N04: names.
for what, bad_name, part in (
        ("parent_folder", b"archive/../x", "relative part"), ("parent_first", b"../x", "relative"),
        ("absolute", b"/etc/x", "is absolute"), ("backslash", b"archive\\x", "a backslash"),
        ("drive_letter", b"C:\\x", "a backslash"), ("unc", b"\\\\host\\x", "a backslash")):
    bad("N01", what, f"a record named {bad_name.decode()}", with_records(Record(bad_name, b"x")),
        "Name", part)
bad("N02", "nul", "a record named data.pkl, NUL, x",
    with_records(Record(b"archive/data.pkl\0x", b"x")), "Name", "a NUL byte")
bad("N03", "not_utf8", "a name that is not UTF-8, with the flag that says so",
    with_records(Record(b"archive/\xff\xfe", b"x")), "Name", "is not UTF-8")
bad("N03", "overlong_slash", "a name with an overlong slash",
    with_records(Record(b"archive\xc0\xafx", b"x")), "Name", "is not UTF-8")


def unicode_path(path):
    return zip_writer.extra(zip_writer.UNICODE_PATH_ID, b"\1" + bytes(4) + path)


bad("N03", "unicode_path_differs", "a Unicode path field with another name",
    changed("data/0", central={"extra": unicode_path(b"archive/data/1")}), "Name",
    "two different names", record=DATA_0)
bad("N03", "local_unicode_path_differs", "the same in the local header",
    changed("data/0", local={"extra": unicode_path(b"archive/data/1")}), "Container",
    "contradicts the central directory", record=DATA_0)
twin("N03", "unicode_path", "a Unicode path field with the same name",
     changed("data/0", central={"extra": unicode_path(b"archive/data/0")}))
twin("N03", "umlauts", "a record whose name has umlauts",
     with_records(Record("archive/extra/äöü", b"x")))
bad("N04", "name_of_65535_bytes", "a name of 65,535 bytes",
    with_records(Record(b"archive/" + b"x" * 65527, b"x")), "Limit", "max_record_name_bytes",
    at_run_time=True)
bad("N04", "name_of_5000_bytes", "a name of 5,000 bytes",
    with_records(Record(b"archive/" + b"x" * 4992, b"x")), "Limit", "max_record_name_bytes")
bad("N04", "empty_name", "a record without a name", with_records(Record(b"", b"x")), "Name",
    "is empty")
bad("N04", "empty_part", "a name with two slashes", with_records(Record("archive//x", b"x")),
    "Name", "an empty part")
bad("N04", "dot_part", "a name with /./", with_records(Record("archive/./x", b"x")), "Name",
    "a relative part")
COLON = [Record(record.name.replace(b"archive", b"a:b"), record.content) for record in records()]
twin("N04", "colon", "the folder that torch.save(..., 'a:b.pt') makes", build(COLON))

# N05, N06: folders and links.
bad("N05", "no_folder", "records in no folder",
    build([Record(record.name[len("archive/"):], record.content) for record in records()]),
    "Container", "in no folder")
bad("N05", "two_folders", "one record in another folder", with_records(Record("other/x", b"x")),
    "Container", "outside of the archive's folder", record="other/x")
bad("N05", "two_pickles", "data.pkl in two folders",
    with_records(Record("other/data.pkl", program(mapping()))), "Container",
    "outside of the archive's folder", record="other/data.pkl")
for what, mode in (("symbolic_link", 0o120777), ("device", 0o020666), ("pipe", 0o010666)):
    bad("N06", what, f"data/0 has the mode of a {what.replace('_', ' ')}",
        changed("data/0", central={"external": mode << 16}), "Name",
        "symbolic link" if what == "symbolic_link" else "special file", record=DATA_0)

# N07: records that must be there.
bad("N07", "no_pickle", "an archive without data.pkl", file(**{"data.pkl": None}), "Container",
    "holds no archive/data.pkl")
bad("N07", "no_version", "an archive without version", file(version=None), "Unsupported",
    "does not say its format version")
for what, version in (
        ("empty", b""), ("of_letters", b"three\n"), ("of_30_digits", b"9" * 30), ("0", b"0\n"),
        ("negative", b"-3\n"), ("999", b"999\n"), ("11", b"11\n"),
        ("with_more_behind_it", b"3\n4")):
    bad("N07", "version_" + what, f"the version is {version!r}"[:60], file(version=version),
        "Unsupported", "format version", record="archive/version")
for version in (1, 10):
    twin("N07", f"version_{version}", f"version {version}", file(version=b"%d\n" % version))
twin("N07", "data_version", ".data/version, which counts where both are there",
     file(version=b"999\n", **{".data/version": b"6\n"}))

# N08 to N10: records of no meaning here.
EVIL = PROTO + call("os", "system", text("true")) + STOP
twin("N08", "another_pickle", "a hostile pickle beside data.pkl, which nobody reads",
     file(**{"evil.pkl": EVIL, "data/evil.pkl": EVIL}))
twin("N09", "without_extra_records", "without .format_version, .storage_alignment and byteorder",
     file(byte_order=None, **{".format_version": None, ".storage_alignment": None}))
twin("N09", "unknown_records", "records that a later torch may add",
     file(**{".data/later": b"x", ".later": b"y"}))

# E01 to E03: byte order.
SWAPPED = struct.pack(">4f", 1, 2, 3, 4)
COMPLEX = mapping(("w", tensor()),
                  ("c", tensor((2,), key="1", kind="ComplexFloatStorage", count=2)),
                  ("u", tensor((4,), key="2", kind="ByteStorage")))
twin("E01", "big", "a big-endian file: elements are swapped, halves of complex ones, bytes not",
     file(COMPLEX, {"0": SWAPPED, "1": SWAPPED, "2": bytes(range(4))}, byte_order=b"big"),
     {**W, "c": {**listed(FLOATS, shape=[2]), "dtype": "complex64"},
      "u": listed(bytes(range(4)), "uint8", [4])})
for what, order in (
        ("middle", b"middle"), ("empty", b""), ("in_capitals", b"LITTLE"),
        ("with_a_newline", b"little\n"), ("with_a_nul", b"big\0")):
    bad("E02", "byteorder_" + what, f"byteorder is {order!r}", file(byte_order=order), "ByteOrder",
        "neither little nor big", record="archive/byteorder")
bad("E02", "byteorder_of_10_kb", "byteorder has 10,000 bytes", file(byte_order=b"little" * 1667),
    "Limit", "over the limit of 4096", record="archive/byteorder")
twin("E03", "no_byteorder", "without byteorder, as torch wrote before 2.1: little",
     file(byte_order=None))
