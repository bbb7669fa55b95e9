// join_slices: the Manifest of a torch.distributed.checkpoint, from its metadata and its files.
//
// The state dict is what torch's own dcp_to_torch_save makes of it (torch/distributed/checkpoint/
// format_utils.py): dicts and lists as they were before it was saved flat; tensors as plain ones on
// the CPU; other objects as they were. That each slice is an archive of torch.save, in which there
// is what the metadata says, and that the chunks of each tensor are all of it, is proved.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/described.h"
#include "loader/manifest/distributed_metadata.h"

namespace hardload {

// `files`: of each of metadata.files(), in their order; `name`: of all together. Errors: those of
// describe, of DistributedTree and of ChunkGrid, with the name of the entry; kBounds for slices
// that leave their file or overlap; kUnsupported for slices that are no archive of torch.save, or a
// deflated one, for chunks of other tensors than dense ones in row-major order, and for slices that
// differ in byte order; kLayout where a slice holds another tensor than the metadata says;
// kChecksum; kLimit; kOutOfMemory.
//
// A tensor in chunks has the CRC-32 of their CRC-32s where they follow each other, as those that
// are cut along the first dimension do. Others are read here, unless no CRC is to be compared: each
// chunk is compared with its CRC-32, and the tensor gets one of its own.
Result<Described> join_slices(const DistributedMetadata& metadata, std::string name,
                              std::vector<std::shared_ptr<const ByteSource>> files,
                              const DescribeOptions& options);

}  // namespace hardload
