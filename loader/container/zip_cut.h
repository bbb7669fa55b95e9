// explain_cut: why a file that begins like a zip has no end.
//
// The most common damage to a checkpoint is a download that stopped. The directory, at the end, is
// gone, but the records before it still tell where the file stops.
#pragma once

#include "loader/base/error.h"
#include "loader/bytes/byte_source.h"

namespace hardload::zip {

// A kContainer error that names the first record that is cut, with the bytes of it that are there;
// or says that all records which begin are whole. Follows the records from the start of the file;
// its reads are in proportion to the
// file's size.
Error explain_cut(const ByteSource& source);

}  // namespace hardload::zip
