"""Z16 to Z30: what a record may be, other formats, and the archive's appendages."""

import zip_writer
from cases import bad, twin
from checkpoint import FLOATS, STATE, changed, file, plain, records, with_records
from pickle_code import PROTO, STOP, mapping, name, number, program, tensor
from zip_writer import Record, build

BASE = file()

# Z16: records that the directory does not list.
bad("Z16", "hidden_record", "a second data.pkl that the directory does not list",
    with_records(Record("archive/data.pkl", b"hidden", in_directory=False)), "Container",
    "belong to no record")
bad("Z16", "hidden_record_in_the_middle", "a record between two others that it does not list",
    changed("byteorder", behind=Record("archive/data/0", b"hidden", plain=True).write(0, 0)),
    "Container", "belong to no record")

# Z17: flags.
for flag, what, part in (
        (0x1, "encrypted", "is encrypted"), (0x20, "patched", "unknown"),
        (0x40, "strongly_encrypted", "unknown"), (0x2000, "masked", "unknown")):
    flags = {"flags": lambda old, flag=flag: old | flag}
    bad("Z17", what, f"flag {flag:#x} on data.pkl, in both headers",
        changed("data.pkl", local=flags, central=flags), "Unsupported", part,
        record="archive/data.pkl")
    bad("Z17", what + "_in_the_directory", f"flag {flag:#x} on data.pkl, in the directory alone",
        changed("data.pkl", central=flags), "Unsupported", part, record="archive/data.pkl")
LEVEL = {"flags": lambda old: old | 0x6}
twin("Z17", "deflate_level", "flags 0x6, which tell how hard a tool tried",
     changed("data.pkl", deflated=True, local=LEVEL, central=LEVEL))

# Z18: compression methods.
for method in (1, 9, 12, 14, 93, 95, 99, 65535):
    other = {"method": method}
    bad("Z18", f"method_{method}", f"data/0 is compressed with method {method}",
        changed("data/0", local=other, central=other), "Unsupported", f"with method {method}",
        record="archive/data/0")
twin("Z18", "deflated", "every record is deflated",
     build([Record(record.name, record.content, deflated=True, plain=True)
            for record in records()]))

# Z19: data descriptors.
bad("Z19", "descriptor_missing", "the flag announces a descriptor, and none follows",
    changed("data/0", descriptor=b""), "Container", "descriptor is missing")
for field in ("signature", "crc", "stored", "size"):
    wrong = (lambda old: old[::-1]) if field == "signature" else (lambda old: old ^ 1)
    bad("Z19", "descriptor_" + field, f"the descriptor of data/0 has another {field}",
        changed("data/0", descriptor={field: wrong}), "Container", "data descriptor contradicts",
        record="archive/data/0")
RIGHT = records()[4].values()
WIDE = {**RIGHT, "signature": b"PK\7\x08"}
HALF_WIDE = zip_writer.pack(zip_writer.DESCRIPTOR, WIDE, {}) + bytes(4)
bad("Z19", "descriptor_between_32_and_64_bits", "a descriptor of 20 bytes: neither form fits",
    changed("data/0", descriptor=HALF_WIDE), "Container", "data descriptor contradicts",
    record="archive/data/0")
bad("Z19", "descriptor_without_the_flag", "a descriptor that no flag announces",
    changed("data/0", base=plain(), descriptor=HALF_WIDE[:16]), "Container", "belong to no record",
    record="archive/data/0")
twin("Z19", "descriptor_of_64_bits", "a descriptor with sizes of 64 bits",
     changed("data/0",
             descriptor=zip_writer.pack(
                 zip_writer.DESCRIPTOR64, {**RIGHT, "signature": b"PK\7\x08"}, {})))
twin("Z19", "descriptor_without_signature",
     "a descriptor without its signature, which is optional",
     changed("data/0", descriptor=HALF_WIDE[4:16]))

# Z21, Z22: folders with content.
for row, what, change in (
        ("Z21", "dos_folder", {"external": 0x10}),
        ("Z21", "unix_folder", {"external": 0o040755 << 16})):
    bad(row, what, "data/0 has the attribute of a folder", changed("data/0", central=change),
        "Container", "a folder, yet has content", record="archive/data/0")
twin("Z21", "unix_file", "data/0 has the attributes of a file",
     changed("data/0", central={"external": 0o100644 << 16}))
bad("Z22", "slash_at_the_end", "a record named archive/data/1/ has content",
    with_records(Record("archive/data/1/", FLOATS)), "Container", "a folder, yet has content")
twin("Z22", "folders", "entries for the folders, as zip tools write them",
     build([Record("archive/", plain=True),
            Record("archive/data/", plain=True, central={"external": 0x10})] + plain()))

# Z23, Z24: equal names.
bad("Z23", "data_pkl_twice", "two records named data.pkl",
    with_records(Record("archive/data.pkl", program(mapping()))), "Name",
    "two records have this name", record="archive/data.pkl")
bad("Z23", "storage_twice", "two records named data/0",
    with_records(Record("archive/data/0", FLOATS[::-1])), "Name", "two records have this name",
    record="archive/data/0")
bad("Z24", "data_pkl_in_capitals", "DATA.PKL beside data.pkl",
    with_records(Record("archive/DATA.PKL", program(mapping()))), "Name", "upper and lower case")
bad("Z24", "byteorder_in_capitals", "BYTEORDER, which torch takes for byteorder",
    file(byte_order=None, BYTEORDER=b"big"), "Name", "upper and lower case",
    record="archive/BYTEORDER")
bad("Z24", "storages_of_one_name", "data/A beside data/a",
    file(mapping(("w", tensor(key="a")), ("v", tensor(key="A"))), {"a": FLOATS, "A": FLOATS[::-1]}),
    "Name", "upper and lower case")
twin("Z24", "key_in_capitals", "a storage key in capitals, alone",
     file(mapping(("w", tensor(key="A"))), {"A": FLOATS}))

# Z25, Z26: other formats.
for what, head, kind, part in (
        ("7z", b"7z\xbc\xaf\x27\x1c\0\4", "Unsupported", "compressed archive"),
        ("rar", b"Rar!\x1a\7\1\0", "Unsupported", "compressed archive"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0", "Unsupported", "a gzip file"),
        ("bzip2", b"BZh91AY&SY", "Unsupported", "compressed archive"),
        ("xz", b"\xfd7zXZ\0\0\4", "Unsupported", "compressed archive"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\0", "Unsupported", "compressed archive"),
        ("tar", b"archive/data.pkl".ljust(257, b"\0") + b"ustar\0" + b"00", "Container",
         "checksum of a tar header"), ("pdf", b"%PDF-1.7\n", "UnknownFormat", "no format that is known")):
    bad("Z25", what, f"what begins as {what} does, a checkpoint behind it",
        head.ljust(512, b"\0") + BASE, kind, part)
bad("Z26", "plain_pickle", "a pickle by pickle.dump, named .pt",
    program(mapping(("w", number(1)))), "Unsupported", "a plain Python pickle")
HEADER = b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
twin("Z26", "safetensors", "a safetensors file, named .pt",
     len(HEADER).to_bytes(8, "little") + HEADER + FLOATS)
for suffix in ("bin", "safetensors", "pkl"):
    twin("Z26", "named_" + suffix, f"a checkpoint whose name ends in .{suffix}", BASE,
         suffix=suffix)

# Z27, Z28: archives that hold code, or another format.

bad("Z28", "preview_release", "the magic of a preview release of torch",
    b"PYTORCH1" + bytes(56) + BASE, "Unsupported", "preview release")
bad("Z28", "model_archive", "an archive of TorchServe, with Python files in it",
    with_records(Record("MAR-INF/MANIFEST.json", b"{}"), Record("handler.py", b"import os\n")),
    "Unsupported", "TorchServe")
bad("Z28", "package", "a package of torch.package: data.pkl is not where torch.save puts it",
    build([Record("archive/.data/python_version", b"3.11"), Record("archive/net/net.pkl", STATE),
           Record("archive/net/__init__.py", b"import os\n"), Record("archive/version", b"6\n")]),
    "Container", "holds no archive/data.pkl")

# Z29: files that can be read in two ways.
METHOD = {"method": 0x7B}
bad("Z29", "zip_and_safetensors", "the first local header reads as a safetensors length and a '{'",
    changed("data.pkl", local=METHOD, central=METHOD), "Unsupported", "with method 123")
POLYGLOT = zip_writer.extra(zip_writer.PADDING_ID, b"\n0" + PROTO + name("os", "getcwd") + b")R.")
twin("Z29", "zip_and_pickle",
     "a pickle that calls os.getcwd, if read from byte 0: it stands in an "
     "extra field; the first four bytes make it a zip, here as in torch",
     changed("data.pkl", base=plain(), local={"extra": POLYGLOT}, archive={"align": 0}))

# Z30: an archive that was appended to: new records and a directory of all behind the old directory.
OLD = build(records(), with64=False)


def appended(new, first):
    """`first`: from which of the old records on the new directory lists them."""
    made = records()
    at = 0
    entries = []
    for record in made:
        entries.append(Record(record.name, record.content, in_file=False, central={"offset": at}))
        at += len(record.write(at, 64))
    return build(entries[first:] + [new], front=OLD, with64=False)


bad("Z30", "replaced_record",
    "data.pkl was replaced by appending another: the old directory is there",
    appended(Record("archive/data.pkl", program(mapping(("w", tensor()), ("v", tensor())))), 1),
    "Container", "stand in front of the first record")
bad("Z30", "appended_record", "data/1 was appended: the old directory is there",
    appended(Record("archive/data/1", FLOATS), 0), "Container", "belong to no record")
