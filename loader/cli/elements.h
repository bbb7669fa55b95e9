// for_each_block: the logical elements of a tensor, block by block.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Hands the elements of `tensor` to `take`, in row-major order, conjugated and negated as its bits
// say, in blocks of any size. `storage` is all content of its storage, little-endian. Errors:
// kUnsupported for a neg bit on a dtype that cannot be negated. Needs little memory.
Result<void> for_each_block(const Manifest& manifest, const TensorSpec& tensor,
                            std::span<const std::byte> storage,
                            const std::function<void(std::span<const std::byte>)>& take);

}  // namespace hardload
