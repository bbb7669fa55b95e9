// check_layout: that a strided view stays inside its storage.
#pragma once

#include <cstdint>
#include <span>

#include "loader/base/result.h"

namespace hardload {

// Number of elements of a view with these sizes, strides and offset (in elements of `item_bytes`)
// over a storage of `storage_bytes`. Errors: kLayout where a size, stride or the offset is
// negative, ranks differ, the element count or an extent overflows 63 bits, or the last element
// ends after the storage does. A view without elements needs no bytes, as in torch.
Result<std::int64_t> check_layout(std::span<const std::int64_t> sizes,
                                  std::span<const std::int64_t> strides, std::int64_t offset,
                                  std::uint64_t item_bytes, std::uint64_t storage_bytes);

}  // namespace hardload
