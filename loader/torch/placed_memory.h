// PlacedMemory: the sink that puts each storage where it is wanted.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include <c10/core/Device.h>
#include <c10/core/Storage.h>

#include "loader/base/result.h"
#include "loader/place/device.h"
#include "loader/torch/device_memory.h"
#include "loader/transfer/sink.h"

namespace hardload {

// One c10::Storage per storage of the manifest, in the host's memory or on a device.
class PlacedMemory final : public Sink {
 public:
  // `places`: of each storage of the manifest. They outlive the sink.
  explicit PlacedMemory(std::span<const Device> places)
      : places_(places), storages_(places.size()) {}

  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override;

  // The storages by number; those that were not allocated are empty handles.
  std::vector<c10::Storage> take() && { return std::move(storages_); }

 private:
  using Key = std::pair<c10::DeviceType, c10::DeviceIndex>;

  const std::span<const Device> places_;
  std::map<Key, DeviceMemory> devices_;
  std::vector<c10::Storage> storages_;
};

}  // namespace hardload
