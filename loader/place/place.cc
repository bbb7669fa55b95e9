#include "loader/place/place.h"

#include <utility>

namespace hardload {

Result<std::vector<Device>> place(const Manifest& manifest,
                                  const std::optional<std::string>& map_location,
                                  const FindDevices& find_devices) {
  std::vector<Device> places;
  places.reserve(manifest.storages().size());
  for (const StorageSpec& storage : manifest.storages()) {
    const std::string_view tag = map_location ? *map_location : storage.location;
    // Neighbours nearly always share a tag: look each up once.
    const bool same =
        !places.empty() && (map_location || manifest.storages()[places.size() - 1].location == tag);
    if (same) {
      places.push_back(places.back());
      continue;
    }
    HARDLOAD_ASSIGN(Device device, restore_location(tag, find_devices));
    places.push_back(std::move(device));
  }
  return places;
}

}  // namespace hardload
