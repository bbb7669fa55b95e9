// stream_elements: the logical elements of a tensor, in bounded memory.
//
// As for_each_block (elements.h), of a storage that is too large to be read into memory.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "loader/base/result.h"
#include "loader/cli/storage_reader.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Whether the elements of `tensor` are its storage, byte for byte: none left out, in its order.
bool is_whole_storage(const Manifest& manifest, const TensorSpec& tensor);

// Hands the elements of `tensor`, a strided one with data and of no packed dtype, to `take`, in
// row-major order, little-endian, conjugated and negated as its bits say, block by block; the
// CRC-32 of its storage is compared. Strides in any order are gathered: the elements of a block are
// read in the order of the file. Takes up to 40 MiB. Errors: those of `take` and of StorageReader;
// kUnsupported for a neg bit on a dtype that cannot be negated.
Result<void> stream_elements(StorageReader& reader, const TensorSpec& tensor,
                             const std::function<Result<void>(std::span<const std::byte>)>& take);

}  // namespace hardload
