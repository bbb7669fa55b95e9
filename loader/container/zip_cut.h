// explain_cut: why a file that begins like a zip has no end.
//
// The most common damage to a checkpoint is a download that stopped. The directory, at the end, is
// gone, but the local headers before it still tell which record the file stops in.
#pragma once

#include "loader/base/error.h"
#include "loader/bytes/byte_source.h"

namespace hardload::zip {

// A kContainer error that names the last record whose header is there, the bytes present of it,
// and the file's size. Reads the file backwards until that header is found, at most 4 GiB.
Error explain_cut(const ByteSource& source);

}  // namespace hardload::zip
