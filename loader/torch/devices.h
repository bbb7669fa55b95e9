// machine_devices: the accelerators that LibTorch can use on this machine.
#pragma once

#include <c10/core/Device.h>

#include "loader/place/device.h"

namespace hardload {

// Asks LibTorch's device-generic interfaces; no header of CUDA is needed to build this. LibTorch's
// CUDA library is opened on the first call where it lies beside libtorch_cpu.so, so that one binary
// serves machines with and without a GPU. Threads: any.
const Devices& machine_devices();

// The same device in LibTorch's terms.
c10::Device torch_device(const Device& device);

}  // namespace hardload
