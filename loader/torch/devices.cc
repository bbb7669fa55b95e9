#include "loader/torch/devices.h"

#include <memory>
#include <string>

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>
#include <stdlib.h>

namespace hardload {
namespace {

// Registers LibTorch's CUDA backend where the library is there. By its absolute path, because a
// name alone would be searched for where somebody else may have put a file.
void open_cuda_library() {
  Dl_info neighbour;
  if (::dladdr(reinterpret_cast<void*>(&c10::impl::ensureCUDADeviceGuardSet), &neighbour) == 0) {
    return;
  }
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(neighbour.dli_fname, nullptr),
                                                      &::free);
  if (!real) return;
  std::string path(real.get());
  path.replace(path.rfind('/') + 1, std::string::npos, "libtorch_cuda.so");
  (void)::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);  // where it fails, there is no CUDA here
}

int count_devices(c10::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::getDeviceGuardImpl(type)->deviceCount()
                                             : 0;
}

Devices find_devices() {
  open_cuda_library();
  Devices devices;
  for (const c10::DeviceType type :
       {c10::DeviceType::CUDA, c10::DeviceType::XPU, c10::DeviceType::MTIA}) {
    devices.counts.push_back({c10::DeviceTypeName(type, /*lower_case=*/true), count_devices(type)});
  }
  return devices;
}

}  // namespace

const Devices& machine_devices() {
  static const Devices devices = find_devices();
  return devices;
}

c10::Device torch_device(const Device& device) { return c10::Device(to_string(device)); }

}  // namespace hardload
