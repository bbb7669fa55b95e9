// identify: what a file is, by its content.
//
// Half of all "corrupted checkpoint" reports are files that are no checkpoint at all: a Git LFS
// pointer, an error page saved under the model's name, another format. Saying what a file *is*
// comes before saying what is wrong with it. Names and extensions are not looked at.
#pragma once

#include <cstdint>
#include <string>

#include "loader/base/error.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"

namespace hardload {

enum class FileKind : std::uint8_t {
  kZip,  // begins with a local header: read on
  kEmpty,
  kLfsPointer,
  kHtml,
  kJson,
  kGzip,
  kOtherArchive,         // 7z, rar, xz, bzip2, zstd
  kTar,                  // read on: torch.save of torch 0.1, or an archive of files
  kSafetensors,          // read on, too
  kLegacyStream,         // torch.save before 1.6: read on
  kDistributedMetadata,  // `.metadata` of torch.distributed.checkpoint: read on, beside its files
  kPickle,               // a pickle that is neither
  kPreview,              // "PYTORCH1": an archive of a torch preview release
  kMobile,               // "PTMF": a flatbuffer for the lite interpreter
  kHdf5,
  kNumpy,
  kGguf,
  kUnknown,
};

// The kind of `source`, from its first bytes. Errors: those of reading.
Result<FileKind> identify(const ByteSource& source);

// The error for a file of a kind that is not read: kTooShort, kUnsupported or kUnknownFormat, with
// what the file is and what to do. Reads what it needs to say so (an LFS pointer's oid and size).
Error explain_kind(const ByteSource& source, FileKind kind);

}  // namespace hardload
