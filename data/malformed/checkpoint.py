"""Checkpoints in the form of torch.save, around a pickle and its storages, and with one change."""

import copy
import struct

import pickle_code as p
import zip_writer
from zip_writer import Record

FOLDER = "archive/"
FLOATS = struct.pack("<4f", 1, 2, 3, 4)
# What nearly every file here holds, one thing apart: {"w": tensor([1., 2., 3., 4.])}
STATE = p.mapping(("w", p.tensor()))


def serialization_id(records):
    """A hash of the names, which nobody can compare, and one of the CRC-32s."""
    chain = 0
    for record in records:
        if record.content:
            crc = record.values()["crc"]
            chain ^= (crc + 0x9E3779B9 + (chain << 6) + (chain >> 2)) % 2**64
    return b"%020d%020d" % (561108523619670529, chain)


def records(code=STATE, storages=None, byte_order=b"little", version=b"3\n", whole=False, **more):
    """The records of torch.save, in its order. `code`: the value, or (whole=True) the pickle.
    `more`: further records by name; None as the content leaves one out."""
    storages = {"0": FLOATS} if storages is None else storages
    contents = {"data.pkl": code if whole else p.program(code), ".format_version": b"1",
                ".storage_alignment": b"64", "byteorder": byte_order,
                **{"data/" + key: content for key, content in storages.items()},
                "version": version, **more}
    made = [Record(FOLDER + name, content) for name, content in contents.items()
            if content is not None]
    return made + [Record(FOLDER + ".data/serialization_id", serialization_id(made))]


def file(code=STATE, storages=None, **more):
    """A checkpoint of this content."""
    return zip_writer.build(records(code, storages, **more))


def pickled(code):
    """A checkpoint whose data.pkl is `code`, from the first byte to the last."""
    return file(code, whole=True)


def changed(name, archive=None, base=None, **changes):
    """The usual checkpoint, one record of it changed: fields of Record, and of build()."""
    made = copy.deepcopy(base) if base else records()
    at = [record.name for record in made].index((FOLDER + name).encode())
    made[at] = _replace(made[at], changes)
    return zip_writer.build(made, **(archive or {}))


def _replace(record, changes):
    parts = {**vars(record), **changes}
    if "stored" not in changes:
        parts["stored"] = None
    return Record(**parts)


def plain(**more):
    """The records, as most other zip tools write them."""
    made = records(**more)
    for record in made:
        record.plain = True
    return made


def archive(**changes):
    """The usual checkpoint in an archive that is changed as build() says."""
    return zip_writer.build(records(), **changes)


def with_records(*more, base=None):
    """The usual checkpoint with further records."""
    return zip_writer.build((base or records()) + list(more))
