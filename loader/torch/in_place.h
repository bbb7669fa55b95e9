// load_in_place: tensor data from the file straight to where it is wanted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"
#include "loader/torch/load.h"

namespace hardload {

struct InPlaceCopy {
  at::Tensor target;
  std::uint32_t tensor;  // of the manifest
  std::string key;
};

// Memory that tensors which have to be converted may take together. With the buffers that files are
// read through it is less than 64 MiB.
inline constexpr std::uint64_t kInPlaceBytes = std::uint64_t{40} << 20;

// Fills each target with the elements of its tensor. First everything is verified and converted
// that can be; until then an error leaves all targets as they were. Then bytes are read into the
// targets: whatever goes wrong from here on is kTorn, which names the keys whose targets have new
// elements. Errors before: kUnsupported where conversions take more than kInPlaceBytes, kCancelled,
// those of read_ranges. May throw what LibTorch throws, before anything is written.
Result<void> load_in_place(std::shared_ptr<const ByteSource> source,
                           std::shared_ptr<const Manifest> manifest,
                           const std::vector<InPlaceCopy>& copies, const LoadOptions& options);

}  // namespace hardload
