#include "loader/place/place.h"

#include <string>
#include <utility>

namespace hardload {

Result<std::vector<Device>> place(const Manifest& manifest, const MapLocation& map_location,
                                  const FindDevices& find_devices) {
  std::vector<Device> places;
  places.reserve(manifest.storages().size());
  std::string last_tag;
  for (const StorageSpec& storage : manifest.storages()) {
    std::string tag = map_location.tag(storage);
    // Neighbours nearly always share a tag: look each up once.
    if (!places.empty() && tag == last_tag) {
      places.push_back(places.back());
      continue;
    }
    HARDLOAD_ASSIGN(Device device, restore_location(tag, find_devices));
    places.push_back(std::move(device));
    last_tag = std::move(tag);
  }
  return places;
}

}  // namespace hardload
