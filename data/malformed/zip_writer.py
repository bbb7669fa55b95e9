"""A zip writer that can break anything.

By default it writes an archive as torch.save does: sizes and CRC-32 in data descriptors, each
record's content aligned to 64 bytes by an extra field, a zip64 end record and its locator. Each
field of each structure can be given another value (or a function of the right one), and bytes can
be put between any two structures. Field names are those of PKWARE's APPNOTE.TXT, shortened.
"""

import dataclasses
import struct
import zlib

LOCAL = ("signature 4s", "needed H", "flags H", "method H", "time H", "date H", "crc I", "stored I",
         "size I", "name_length H", "extra_length H")
CENTRAL = ("signature 4s", "made_by H", "needed H", "flags H", "method H", "time H", "date H",
           "crc I", "stored I", "size I", "name_length H", "extra_length H", "comment_length H",
           "disk H", "internal H", "external I", "offset I")
DESCRIPTOR = ("signature 4s", "crc I", "stored I", "size I")
DESCRIPTOR64 = ("signature 4s", "crc I", "stored Q", "size Q")
END64 = ("signature 4s", "own_size Q", "made_by H", "needed H", "disk I", "directory_disk I",
         "disk_records Q", "records Q", "directory_size Q", "directory_offset Q")
LOCATOR = ("signature 4s", "disk I", "offset Q", "disks I")
END = ("signature 4s", "disk H", "directory_disk H", "disk_records H", "records H",
       "directory_size I", "directory_offset I", "comment_length H")

FLAG_DESCRIPTOR, FLAG_UTF8 = 0x0008, 0x0800
STORED, DEFLATED = 0, 8
ZIP64_ID, UNICODE_PATH_ID, PADDING_ID = 0x0001, 0x7075, 0x4246  # the last is torch's, "FB"


def pack(layout, values, changes):
    """The structure of `values`, some replaced by `changes`."""
    out = b""
    for field in layout:
        name, form = field.split()
        value = changes.get(name, values[name])
        value = value(values[name]) if callable(value) else value
        out += struct.pack("<" + form, value)
    return out


def extra(identifier, data):
    """One extra field."""
    return struct.pack("<HH", identifier, len(data)) + data


def zip64(*values):
    return extra(ZIP64_ID, struct.pack(f"<{len(values)}Q", *values))


def deflate(content):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


@dataclasses.dataclass
class Record:
    name: bytes
    content: bytes = b""
    deflated: bool = False
    stored: bytes = None  # what lies in the file, if it is not made from the content
    plain: bool = False   # values in the local header, as most tools write, and no descriptor
    local: dict = dataclasses.field(default_factory=dict)    # changed fields, also "name", "extra"
    central: dict = dataclasses.field(default_factory=dict)  # also "name", "extra", "comment"
    descriptor: object = dataclasses.field(default_factory=dict)  # changed fields, or the bytes
    front: bytes = b""   # in front of the local header
    behind: bytes = b""  # behind the descriptor
    in_file: bool = True
    in_directory: bool = True

    def __post_init__(self):
        if isinstance(self.name, str):
            self.name = self.name.encode()
        if self.stored is None:
            self.stored = deflate(self.content) if self.deflated else self.content

    def values(self):
        return {
            "made_by": 0, "needed": 0, "method": DEFLATED if self.deflated else STORED,
            "flags": FLAG_UTF8 | (0 if self.plain else FLAG_DESCRIPTOR), "time": 0, "date": 0,
            "crc": zlib.crc32(self.content), "stored": len(self.stored), "size": len(self.content),
            "disk": 0, "internal": 0, "external": 0,
        }

    def write(self, offset, align):
        """Header, content and descriptor, for this place of the file."""
        name = self.local.get("name", self.name)
        values = self.values()
        if not self.plain:
            values.update(crc=0, stored=0, size=0)
        start = offset + 30 + len(name)
        padding = extra(PADDING_ID, b"Z" * (-(start + 4) % align)) if align else b""
        more = self.local.get("extra", padding)
        values.update(signature=b"PK\3\4", name_length=len(name), extra_length=len(more))
        return pack(LOCAL, values, self.local) + name + more + self.stored + self.tail()

    def tail(self):
        if isinstance(self.descriptor, bytes):
            return self.descriptor
        if self.plain or not self.stored:
            return b""
        return pack(DESCRIPTOR, {**self.values(), "signature": b"PK\7\x08"}, self.descriptor)

    def entry(self, offset):
        """The central header."""
        name = self.central.get("name", self.name)
        more = self.central.get("extra", b"")
        comment = self.central.get("comment", b"")
        values = {**self.values(), "signature": b"PK\1\2", "name_length": len(name),
                  "extra_length": len(more), "comment_length": len(comment), "offset": offset}
        return pack(CENTRAL, values, self.central) + name + more + comment


def build(records, *, end=None, end64=None, locator=None, with64=True, comment=b"", front=b"",
          before_directory=b"", behind_directory=b"", behind_end64=b"", behind=b"", align=64):
    """The archive. `end`, `end64`, `locator`: changed fields; the others: bytes at that place."""
    end, end64, locator = end or {}, end64 or {}, locator or {}
    out = bytearray(front)
    directory = b""
    offsets = []
    for record in records:
        out += record.front
        offsets.append(len(out))
        if record.in_file:
            out += record.write(len(out), align) + record.behind
    out += before_directory
    for record, offset in zip(records, offsets):
        if record.in_directory:
            directory += record.entry(offset)
    count = sum(record.in_directory for record in records)
    values = {"disk": 0, "directory_disk": 0, "disk_records": count, "records": count,
              "directory_size": len(directory), "directory_offset": len(out)}
    out += directory + behind_directory
    if with64:
        at = len(out)
        out += pack(END64, {**values, "signature": b"PK\6\6", "own_size": 44, "made_by": 0x031e,
                            "needed": 45}, end64) + behind_end64
        out += pack(LOCATOR, {"signature": b"PK\6\7", "disk": 0, "offset": at, "disks": 1}, locator)
    out += pack(END, {**values, "signature": b"PK\5\6", "comment_length": len(comment)}, end)
    return bytes(out + comment + behind)
