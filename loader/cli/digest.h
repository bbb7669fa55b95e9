// digest_tensors: the SHA-256 of each tensor's logical elements.
//
// Two tensors have one digest exactly if torch.equal holds bit for bit and their dtypes and element
// counts agree: elements are taken in row-major order, whatever the strides; little-endian,
// whatever the file's byte order; with conj and neg bits applied.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// The digest in lower-case hexadecimal for each of manifest.tensors(); nullopt for those on the
// meta device, for sparse ones, whose parts have digests, and for those that have no name. Reads
// each storage once, into memory, and verifies its CRC-32. Errors: kLimit where views of zero or
// overlapping strides make more than Limits allow from a file of this size; kUnsupported for a neg
// bit on a dtype that cannot be negated; those of read_record.
Result<std::vector<std::optional<std::string>>> digest_tensors(const ByteSource& source,
                                                               const Manifest& manifest,
                                                               const Limits& limits);

}  // namespace hardload
