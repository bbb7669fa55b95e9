// named_parts: the tensors that a sparse or quantized tensor is made of, by what torch calls them.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/manifest/manifest.h"

namespace hardload {

// {"crow_indices", 3}: roles, and numbers among Manifest::tensors(). None for most tensors.
std::vector<std::pair<std::string_view, std::uint32_t>> named_parts(const Manifest& manifest,
                                                                    const TensorSpec& tensor);

}  // namespace hardload
