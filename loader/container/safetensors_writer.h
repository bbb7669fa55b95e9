// safetensors_header: what a safetensors file begins with, as the reference writes it.
//
//   sort_for_safetensors(tensors);
//   HARDLOAD_ASSIGN(const std::string header, safetensors_header({{"format", "pt"}}, tensors));
//   HARDLOAD_TRY(file.write(header));          // then the elements of each tensor, in this order
//
// The same tensors give the bytes that the reference gives (safetensors/src/tensor.rs, prepare, of
// 0.8): dtypes of larger elements come first, so that all elements are aligned, tensors of one
// dtype by their names' bytes; the JSON text is that of serde_json, and spaces fill it up to a
// multiple of 8. Where there are several metadata texts, the reference has them in no order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/container/container.h"

namespace hardload {

struct SafetensorsEntry {
  std::string_view name;
  Dtype dtype;
  std::span<const std::int64_t> sizes;  // as torch has them
  std::uint64_t bytes;
};

// What the format calls the dtype; nullopt where it has no name for it.
std::optional<std::string_view> safetensors_dtype(Dtype dtype);

// Into the order of the file. Dtypes that the format does not have come last.
void sort_for_safetensors(std::vector<SafetensorsEntry>& entries);

// The header's length and its text. `entries` are in the order in which their elements follow, and
// `bytes` is what their elements take. Errors: kUnsupported for a dtype that the format does not
// have, for text that is no UTF-8 and for the name "__metadata__"; kKey for a name that stands
// twice; kLimit for a header of over 100,000,000 bytes, which no reader takes.
Result<std::string> safetensors_header(std::span<const MetadataEntry> metadata,
                                       std::span<const SafetensorsEntry> entries);

}  // namespace hardload
