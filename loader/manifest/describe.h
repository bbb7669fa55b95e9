// describe: the left half of the corridor, from bytes to a Manifest.
//
//   HARDLOAD_ASSIGN(auto source, FileSource::open("model.pth"));
//   HARDLOAD_ASSIGN(Manifest manifest, describe(*source, {}));
//
// Reads the directory, the local headers, the small records and the pickle, or the header of a
// safetensors file; no tensor data. Needs no LibTorch. Once it has succeeded, nothing about the
// file's structure is left to be checked; the content of storages is verified while it is moved.
#pragma once

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"
#include "loader/pickle/globals.h"

namespace hardload {

struct DescribeOptions {
  Limits limits = {};
  bool verify_crc = true;                 // compare CRC-32s, which torch itself never does
  Unlisted unlisted = Unlisted::kRefuse;  // what to do about names that are not plain data
};

// Errors: every kind of the describe stages; each carries the source's name. Memory: proportional
// to the file's directory and pickle, or header, within Limits.
Result<Manifest> describe(const ByteSource& source, const DescribeOptions& options);

}  // namespace hardload
