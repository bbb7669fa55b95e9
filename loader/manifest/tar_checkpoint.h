// read_tar_checkpoint: a checkpoint of the first torch 0.1.
//
// A tar of four members (torch/serialization.py: legacy_load): `sys_info`; `storages`, their
// number, then for each a pickled (number, location, storage class) and the raw storage
// (raw_storages.h), then a pickled list of slices (number, number of the whole, offset, elements);
// `tensors`, their number, then for each a pickled (number, number of the storage, class) and as
// raw integers its rank (eight bytes, of which the first four count), sizes, strides and offset;
// `pickle`, the object, whose persistent ids are those numbers. Nothing is unpacked.
#pragma once

#include <memory>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/manifest/saved_objects.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/value.h"

namespace hardload {

struct TarCheckpoint {
  std::unique_ptr<const Container> container;
  ValueGraph graph;
  SavedObjects objects;  // its texts lie in the container
};

// Memory: in proportion to the pickles and the numbers of storages and tensors. Errors: those of
// TarArchive, PickleStream and RawStorages; kUnsupported for a tar of other members; kStorage where
// storages, slices or tensors contradict each other; kLayout for a rank that is not there;
// kContainer where the other pickles are not what torch writes, and for bytes between them.
Result<TarCheckpoint> read_tar_checkpoint(const ByteSource& source, const Limits& limits,
                                          Unlisted unlisted);

}  // namespace hardload
