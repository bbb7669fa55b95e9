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

// describe() with the options of loading.
Result<std::shared_ptr<const Manifest>> describe_for(const ByteSource& source,
                                                     const LoadOptions& options);

// place(), on the devices of this machine. Errors: kDevice, also where the caller's function
// throws.
Result<std::vector<Device>> place_for(const Manifest& manifest, const MapLocation& map_location);

// The source without the bytes in front of the archive. Errors: kBounds.
Result<std::shared_ptr<const ByteSource>> archive_in(std::shared_ptr<const ByteSource> source,
                                                     const LoadOptions& options);

// Opens the file at `path`, mapped where the options say so. Errors: kIo, kNotRegular.
Result<std::shared_ptr<const ByteSource>> open_for(const std::string& path,
                                                   const LoadOptions& options);

}  // namespace hardload
