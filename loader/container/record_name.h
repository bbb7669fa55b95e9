// check_record_name: whether a record name is plain enough to be used.
//
// Nothing is ever written to a path from a file, but a name that would leave its folder, hides
// bytes behind a NUL, or cannot be shown, is the mark of a crafted archive.
#pragma once

#include <cstdint>
#include <string_view>

#include "loader/base/result.h"

namespace hardload {

// Errors: kName for names that are empty, absolute, not UTF-8, hold NUL or a backslash, or have an
// empty, "." or ".." part (a final "/", for a folder, is fine); kLimit over `max_bytes`. A colon is
// fine: torch.save("a:b.pt") makes the folder "a:b". `offset` is where the name's entry lies in the
// file.
Result<void> check_record_name(std::string_view name, std::uint64_t max_bytes,
                               std::uint64_t offset);

}  // namespace hardload
