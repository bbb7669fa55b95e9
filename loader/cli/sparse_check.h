// check_sparse_tensors: that the indices of all sparse tensors of a file are in range.
#pragma once

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Reads the indices and checks them as loading does. Errors: kLayout; kLimit where many tensors
// share few large storages, which are read for each; those of read_record.
Result<void> check_sparse_tensors(const ByteSource& source, const Manifest& manifest,
                                  const Limits& limits);

}  // namespace hardload
