// inflate: a deflated record, whole, into memory of exactly its declared size.
#pragma once

#include <cstddef>
#include <span>

#include "loader/base/result.h"

namespace hardload {

// Inflates all of `deflated` (a raw deflate stream, RFC 1951) to exactly fill `out`. Errors:
// kContainer where the stream is malformed, makes more or fewer bytes, or ends before `deflated`
// does; kOutOfMemory. Never writes past `out`. Time is linear in both sizes.
Result<void> inflate(std::span<const std::byte> deflated, std::span<std::byte> out);

}  // namespace hardload
