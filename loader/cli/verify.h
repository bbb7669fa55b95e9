// verify: everything that can be checked about a checkpoint, without loading it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/checkpoint_files.h"

namespace hardload {

struct VerifyReport {
  std::vector<Error> findings;     // empty: the file is fine
  std::uint64_t records = 0;       // in the archive
  std::uint64_t without_crc = 0;   // of these, saved without CRC-32, so not verified; before torch
                                   // 1.6 all that are not empty
  std::uint64_t unreferenced = 0;  // data records that no tensor uses
  std::uint64_t following = 0;     // bytes of further checkpoints in the file, not looked at
  std::uint64_t tensors = 0;
  std::uint64_t storage_bytes = 0;
  // "total_size" of an index of shards, where it counts neither the bytes of tensors, nor those of
  // storages or files. Nothing depends on it, and it is no finding: writers differ on what it is.
  std::string wrong_total_size;
};

// Checks the structure, every record's CRC-32, and that the pickle describes tensors that fit; goes
// on after a finding where that makes sense, so that all damaged records are named. Findings are
// refusals of the file; an Error is returned where the file could not be read (kIo, kNotRegular,
// kOutOfMemory). Of a sharded checkpoint all shards are checked, and that they are what the index
// says.
Result<VerifyReport> verify(CheckpointFiles files, const Limits& limits);
Result<VerifyReport> verify(const ByteSource& source, const Limits& limits);

}  // namespace hardload
