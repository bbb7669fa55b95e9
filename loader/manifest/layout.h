// check_layout: that a strided view stays inside its storage; and other arithmetic of sizes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loader/base/result.h"

namespace hardload {

// Number of elements of a view with these sizes, strides and offset (in elements of `item_bytes`)
// over a storage of `storage_bytes`. Errors: kLayout where a size, stride or the offset is
// negative, ranks differ, the element count or an extent overflows 63 bits, or the last element
// ends after the storage does. A view without elements needs no bytes, as in torch.
Result<std::int64_t> check_layout(std::span<const std::int64_t> sizes,
                                  std::span<const std::int64_t> strides, std::int64_t offset,
                                  std::uint64_t item_bytes, std::uint64_t storage_bytes);

// The element count of these sizes alone. Errors: kLayout for a negative size or an overflow.
Result<std::int64_t> count_elements(std::span<const std::int64_t> sizes);

// Bytes of dense elements of which a byte holds `per_byte`; each row of the last dimension begins
// with a byte of its own (c10's get_sub_byte_tensor_size). Of sizes that have been counted.
std::uint64_t packed_bytes(std::span<const std::int64_t> sizes, std::uint64_t per_byte);

// Sets `strides` to those of elements that lie in row-major order without gaps, as torch has them:
// a size of 0 counts as 1. Errors: kLayout where one overflows.
Result<void> set_row_major(std::span<const std::int64_t> sizes, std::vector<std::int64_t>& strides);

// Whether elements lie in row-major order without gaps. The strides of dimensions of size 1 do not
// matter.
bool is_contiguous(std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides);

}  // namespace hardload
