// The lesson's rows on places: saved on a GPU and loaded elsewhere, wrong device strings, and an
// argument that torch.load does not have.

#include <string>

#include <gtest/gtest.h>

#include "loader/hardload.h"
#include "loader/torch/devices.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

// A state dict {"weight": two ones} whose storage was on `device`.
std::string saved_on(const std::string& device) {
  PickleBuilder pickle;
  pickle.ordered_dict().text("weight").global("torch._utils", "_rebuild_tensor_v2").mark();
  pickle.storage("FloatStorage", "0", 2, device).integer(0).integers({2}).integers({1});
  pickle.boolean(false).ordered_dict().tuple().reduce().op('s');
  const std::string ones = {'\0', '\0', '\x80', '\x3f', '\0', '\0', '\x80', '\x3f'};
  return testing::write_temporary(
      "gpu.pt", CheckpointBuilder().pickle(pickle.stop()).storage("0", ones).build());
}

// Row 7. Whatever this machine has, it has not that many GPUs.
TEST(Lesson, WeightsOfAGpuLoadOnTheCpu) {
  const std::string path = saved_on("cuda:99");
  const auto elsewhere = load(path);
  const bool has_cuda = machine_devices().count("cuda").value_or(0) > 0;
  EXPECT_ERROR(elsewhere, ErrorKind::kDevice,
               has_cuda ? "Please use torch.load with map_location to map your storages"
                        : "Attempting to deserialize object on a CUDA device but "
                          "torch.cuda.is_available() is False. If you are running on a CPU-only "
                          "machine, please use torch.load with "
                          "map_location=torch.device('cpu') to map your storages to the CPU.");
  for (const MapLocation& cpu : {MapLocation("cpu"), MapLocation(c10::Device(c10::kCPU)),
                                 MapLocation(MapLocation::Table{{"cuda:99", "cpu"}})}) {
    const auto checkpoint = load(path, {.map_location = cpu});
    ASSERT_OK(checkpoint);
    EXPECT_TRUE(checkpoint->tensor("weight")->is_cpu());
    EXPECT_EQ(checkpoint->tensor("weight").value()[1].item<float>(), 1);
  }
}

// Row 8.
TEST(Lesson, AWrongDeviceIsToldWhatIsRight) {
  for (const char* wrong : {"gpu", "cuda0", "cpu:0", "cuda:-1", "cuda:x", ""}) {
    const auto loaded = load("data/lesson/fits.pt", {.map_location = wrong});
    EXPECT_ERROR(loaded, ErrorKind::kDevice, "Valid forms are cpu, meta, cuda and cuda:N") << wrong;
    EXPECT_ERROR(loaded, ErrorKind::kDevice, "on this machine: cpu, meta") << wrong;
  }
}

template <typename Options>
concept HasDevice = requires(Options options) {
  options.device;
};

// Row 9. (The command line says so, too: tests/cli/command_test.py.)
TEST(Lesson, ThereIsNoArgumentCalledDevice) {
  EXPECT_FALSE(HasDevice<LoadOptions>);
  EXPECT_FALSE(HasDevice<LoadIntoOptions>);
}

}  // namespace
}  // namespace hardload
