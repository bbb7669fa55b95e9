#include "loader/place/place.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "loader/base/text.h"

namespace hardload {

namespace {

// "cpu, cuda:0": where the storages were when they were saved.
std::string saved_tags(const Manifest& manifest) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string_view> tags;
  for (const StorageSpec& storage : manifest.storages()) {
    if (std::find(tags.begin(), tags.end(), storage.location) != tags.end()) continue;
    tags.push_back(storage.location);
    if (tags.size() > kShown) break;
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(tags.size(), kShown); ++i) {
    append(text, i == 0 ? "" : ", ", tags[i]);
  }
  return tags.size() > kShown ? text + " and others" : text;
}

}  // namespace

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
    auto device = restore_location(tag, find_devices);
    if (!device.ok()) {
      const std::string advice =
          concat("The file's tensors were saved on ", saved_tags(manifest),
                 "; map_location says where they are to go. ", device.error().advice());
      return std::move(device).error().advise(advice);
    }
    places.push_back(*std::move(device));
    last_tag = std::move(tag);
  }
  return places;
}

}  // namespace hardload
