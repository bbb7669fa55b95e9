// convert: a checkpoint as a file of another format, or of the same one, written anew.
//
//   HARDLOAD_TRY(convert(*source, manifest, "model.safetensors", {.to = Format::kSafetensors}));
//
// What the format cannot hold is named before anything is written, and refused unless the caller
// says that it may go (losses.h). Elements go through in bounded memory, their CRC-32s compared.
// The new files are temporary ones until all of them are complete: after an error nothing is left
// of them (file_writer.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/container.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct ConvertOptions {
  Format to = Format::kTorchZip;
  bool allow_loss = false;
  bool overwrite = false;  // where a file is in the place of a new one
  // Of safetensors: into how many files (shards.h); nullopt: one.
  std::optional<std::uint64_t> max_shard_bytes = {};
  // Called while bytes are written, with how many of about how many; false stops: kCancelled.
  std::function<bool(std::uint64_t, std::uint64_t)> progress = {};
  bool sync = true;  // see FileWriterOptions
  Limits limits = {};
};

// What was written.
struct Converted {
  std::vector<std::string> paths;  // the index last
  std::uint64_t bytes = 0;
};

// Converts what `manifest` says of `source` to a file at `path`. Errors: kUnsupported for what the
// format cannot hold, naming it; kIo for files that are there, and for writing; kCancelled; those
// of reading, kChecksum among them; kLimit.
Result<Converted> convert(const ByteSource& source, const Manifest& manifest,
                          const std::string& path, const ConvertOptions& options);

}  // namespace hardload
