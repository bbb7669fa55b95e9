// read_legacy_stream: a checkpoint of torch 0.1.10 to 1.5, or one that a newer torch wrote with
// _use_new_zipfile_serialization=False.
//
// Five pickles of protocol 2 behind each other (torch/serialization.py: _legacy_save): a magic
// number; 1001, the version of the format; a dict about the machine, which says nothing about the
// elements, as these are always little-endian; the object; the list of the keys of storages. Then
// the storages, in the order of that list (raw_storages.h). Another such checkpoint may follow.
#pragma once

#include <memory>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/value.h"

namespace hardload {

struct LegacyStream {
  std::unique_ptr<const Container> container;
  ValueGraph graph;
};

// Reads the pickles and the counts in front of storages; no elements. Errors: those of
// PickleStream, read_storage_id and RawStorages; kContainer where one of the small pickles is not
// what torch writes, and for bytes behind the last storage that begin no other checkpoint;
// kUnsupported for another version; kStorage where the object and the list of keys contradict each
// other.
Result<LegacyStream> read_legacy_stream(const ByteSource& source, const Limits& limits,
                                        Unlisted unlisted);

}  // namespace hardload
