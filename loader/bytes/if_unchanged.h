// if_unchanged: what was made of a file's bytes, unless the file changed meanwhile.
//
//   return if_unchanged(source, run_stages(source, options));
//
// A file that is written to while it is read gives a mixture of old and new. That may look like a
// damaged file, or like a fine one: neither is so.
#pragma once

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"

namespace hardload {

// `result`, or kIo where the source is no longer what was opened. An error that says why reading
// stopped (kIo, kOutOfMemory, kCancelled) stays: the file's content has no part in it.
template <typename T>
Result<T> if_unchanged(const ByteSource& source, Result<T> result) {
  if (!result.ok()) {
    const ErrorKind kind = result.error().kind();
    if (kind == ErrorKind::kIo || kind == ErrorKind::kOutOfMemory ||
        kind == ErrorKind::kCancelled) {
      return result;
    }
  }
  HARDLOAD_TRY(source.check_unchanged());
  return result;
}

}  // namespace hardload
