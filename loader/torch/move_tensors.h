// move_tensors: the right half of load, from a described file to tensors.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"
#include "loader/place/device.h"
#include "loader/place/map_location.h"
#include "loader/place/selection.h"
#include "loader/torch/checkpoint.h"
#include "loader/torch/load.h"

namespace hardload {

// The file of `manifest` with the chosen tensors, each storage where `places` (one for each
// storage) says. Of the options those of moving are used: mapped, memory_budget, progress, threads,
// verify_crc, limits. All or nothing. May throw what LibTorch throws.
Result<Checkpoint> move_tensors(const std::shared_ptr<const ByteSource>& source,
                                std::shared_ptr<const Manifest> manifest,
                                const Selection& selection, std::span<const Device> places,
                                const LoadOptions& options);

// place(), on the devices of this machine. Errors: kDevice, also where the caller's function
// throws.
Result<std::vector<Device>> place_for(const Manifest& manifest, const MapLocation& map_location);

// A checkpoint, opened and described with the options of loading.
struct Opened {
  std::shared_ptr<const ByteSource> source;
  std::shared_ptr<const Manifest> manifest;
};

// The file or the shards at `path`; or what is in `source`, behind options.offset. Errors: those of
// CheckpointFiles and of describing.
Result<Opened> open_for(const std::string& path, const LoadOptions& options);
Result<Opened> open_for(std::shared_ptr<const ByteSource> source, const LoadOptions& options);

}  // namespace hardload
