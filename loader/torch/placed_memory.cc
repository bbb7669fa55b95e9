#include "loader/torch/placed_memory.h"

#include <cstdint>

#include <c10/core/impl/VirtualGuardImpl.h>

#include "loader/torch/devices.h"
#include "loader/torch/guard.h"
#include "loader/torch/host_memory.h"

namespace hardload {
namespace {

// The device with its index: "cuda" is the current one.
c10::Device indexed(c10::Device device) {
  if (device.is_cpu() || device.has_index()) return device;
  return c10::impl::VirtualGuardImpl(device.type()).getDevice();
}

// Storages that go to one device.
struct Group {
  std::vector<std::size_t> positions;  // among those that are wanted
  std::vector<std::uint64_t> sizes;
};

}  // namespace

Result<std::vector<Sink::Destination>> PlacedMemory::allocate(std::span<const Wanted> storages) {
  return guarded([&]() -> Result<std::vector<Destination>> {
    std::map<Key, Group> groups;
    for (std::size_t i = 0; i < storages.size(); ++i) {
      const c10::Device device = indexed(torch_device(places_[storages[i].storage]));
      Group& group = groups[{device.type(), device.index()}];
      group.positions.push_back(i);
      group.sizes.push_back(storages[i].bytes);
    }
    std::vector<Destination> destinations(storages.size());
    for (const auto& [key, group] : groups) {
      const c10::Device device(key.first, key.second);
      DeviceMemory* const memory =
          device.is_cpu() ? nullptr : &devices_.try_emplace(key, device).first->second;
      HARDLOAD_ASSIGN(const auto made, memory == nullptr ? host_storages(group.sizes)
                                                         : memory->allocate(group.sizes));
      for (std::size_t i = 0; i < made.size(); ++i) {
        const std::size_t position = group.positions[i];
        destinations[position] = {static_cast<std::byte*>(made[i].mutable_data()), memory};
        storages_[storages[position].storage] = made[i];
      }
    }
    return destinations;
  });
}

}  // namespace hardload
