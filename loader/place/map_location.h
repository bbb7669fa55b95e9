// MapLocation: where storages go, in each of the forms that torch.load's map_location has.
//
//   MapLocation a = "cuda:1";                                    // all of them
//   MapLocation b = torch::Device(torch::kCPU);                  // the same
//   MapLocation c = std::map<std::string, std::string>{{"cuda:0", "cuda:1"}};    // by saved tag
//   MapLocation d = [](const StorageSpec& storage, std::string_view tag) ->
//   std::optional<torch::Device> {
//     if (storage.bytes > (1 << 20)) return torch::Device(torch::kCPU);
//     return std::nullopt;                                       // where it was when it was saved
//   };
//   MapLocation e;                                               // where each was when it was
//   saved
//
// Ownership: owns what it is given. Threads: as the callable; the others any.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "loader/manifest/manifest.h"
#include "loader/place/device.h"

namespace hardload {

// What names a place: text, a Device, or LibTorch's (which this room does not include).
template <typename T>
concept DeviceLike = requires(const T& device) {
  { device.str() } -> std::convertible_to<std::string>;
};
template <typename T>
concept LocationLike =
    std::convertible_to<T, std::string> || std::same_as<T, Device> || DeviceLike<T>;

template <LocationLike T>
std::string location_tag(const T& location) {
  if constexpr (std::convertible_to<T, std::string>) {
    return location;
  } else if constexpr (std::same_as<T, Device>) {
    return to_string(location);
  } else {
    return location.str();
  }
}

class MapLocation {
 public:
  using Table = std::map<std::string, std::string>;
  using Function = std::function<std::optional<std::string>(const StorageSpec&, std::string_view)>;

  MapLocation() = default;

  // All storages to one place.
  template <LocationLike T>
  MapLocation(const T& location) : form_(location_tag(location)) {}

  // The same, or where each was saved.
  template <LocationLike T>
  MapLocation(const std::optional<T>& location) {
    if (location) form_ = location_tag(*location);
  }

  // From saved tags to others; those that are not in it stay as they are.
  MapLocation(Table table) : form_(std::move(table)) {}

  // Called once a storage, in the order of the file, with what is known of it and its saved tag;
  // gives an optional place of any of the types above.
  template <typename F>
  requires std::invocable<const F&, const StorageSpec&, std::string_view> MapLocation(F function)
      : form_(Function(
            [function = std::move(function)](const StorageSpec& storage,
                                             std::string_view tag) -> std::optional<std::string> {
              const auto place = function(storage, tag);
              if constexpr (LocationLike<std::remove_cvref_t<decltype(place)>>) {
                return location_tag(place);
              } else {
                return place ? std::optional(location_tag(*place)) : std::nullopt;
              }
            })) {}

  // The tag by which `storage` is to be placed.
  std::string tag(const StorageSpec& storage) const {
    if (const auto* all = std::get_if<std::string>(&form_)) return *all;
    if (const auto* table = std::get_if<Table>(&form_)) {
      const auto row = table->find(std::string(storage.location));
      if (row != table->end()) return row->second;
    }
    if (const auto* function = std::get_if<Function>(&form_)) {
      if (auto place = (*function)(storage, storage.location)) return *std::move(place);
    }
    return std::string(storage.location);
  }

 private:
  std::variant<std::monostate, std::string, Table, Function> form_;
};

}  // namespace hardload
