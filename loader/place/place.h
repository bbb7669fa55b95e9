// place: a device for every storage of a checkpoint.
//
//   HARDLOAD_ASSIGN(auto places, place(manifest, "cpu", machine_devices));
#pragma once

#include <vector>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/place/device.h"
#include "loader/place/map_location.h"

namespace hardload {

// The device of each of manifest.storages(): where `map_location` says. Errors: those of
// restore_location; nothing was loaded.
Result<std::vector<Device>> place(const Manifest& manifest, const MapLocation& map_location,
                                  const FindDevices& find_devices);

}  // namespace hardload
