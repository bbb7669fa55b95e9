// Device: where a storage goes, as a type and an index; Devices: what this machine has.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"

namespace hardload {

struct Device {
  static constexpr int kCurrent = -1;  // of its type

  std::string type;      // "cpu", "cuda", "meta", ...
  int index = kCurrent;  // always kCurrent for cpu and meta

  bool operator==(const Device&) const = default;
};

// "cuda:1", "cpu"
std::string to_string(const Device& device);

// The accelerators that torch.load knows, with the number of devices that can be used. A type that
// is listed with 0 is one that this LibTorch could drive; one that is not listed, it could not.
struct Devices {
  struct Count {
    std::string type;
    int devices;
  };
  std::vector<Count> counts;

  std::optional<int> count(std::string_view type) const;
  // "cpu, meta, cuda:0": what can be given as map_location here.
  std::string list() const;
};

// How to find out. Called only where a tag names an accelerator: opening a driver takes time.
using FindDevices = std::function<const Devices&()>;

// The device that a location tag or map_location string means, by torch.load's rules (facts
// measured with torch 2.11; torch/serialization.py: default_restore_location): "cpu" and "meta"
// exactly; "cuda", "cuda:N" and the same for xpu, mtia, hpu. Errors: kDevice, with PyTorch's text,
// for anything else and for devices that are not there.
Result<Device> restore_location(std::string_view tag, const FindDevices& find_devices);

}  // namespace hardload
