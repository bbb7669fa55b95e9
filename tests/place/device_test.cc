// restore_location reads location tags as torch.load does, in torch.load's words. Texts and tags
// were measured with torch 2.11 (default_restore_location), with and without devices.

#include "loader/place/device.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

// Two CUDA devices, a LibTorch that could drive an XPU and an MTIA, and none of the others.
const Devices& machine() {
  static const Devices devices = {{{"cuda", 2}, {"xpu", 1}, {"mtia", 0}}};
  return devices;
}

const Devices& machine_without_devices() {
  static const Devices devices = {{{"cuda", 0}, {"xpu", 0}, {"mtia", 0}}};
  return devices;
}

const Devices& not_to_be_asked() {
  ADD_FAILURE() << "the devices were looked for";
  return machine();
}

// The text before the advice, without what stands between them.
std::string refusal(std::string_view tag, const FindDevices& find_devices = machine) {
  const Result<Device> device = restore_location(tag, find_devices);
  if (device.ok()) return "ok: " + to_string(*device);
  EXPECT_EQ(device.error().kind(), ErrorKind::kDevice) << tag;
  EXPECT_EQ(device.error().stage(), Stage::kPlace) << tag;
  const std::string message = device.error().message();
  return message.substr(0, message.size() - device.error().advice().size() - 1);
}

TEST(RestoreLocation, KnowsTheHost) {
  for (const std::string tag : {"cpu", "meta"}) {
    EXPECT_EQ(restore_location(tag, not_to_be_asked).value(), (Device{tag, Device::kCurrent}));
  }
}

TEST(RestoreLocation, KnowsDevicesThatAreThere) {
  EXPECT_EQ(restore_location("cuda:0", machine).value(), (Device{"cuda", 0}));
  EXPECT_EQ(restore_location("cuda:1", machine).value(), (Device{"cuda", 1}));
  EXPECT_EQ(restore_location("cuda", machine).value(), (Device{"cuda", Device::kCurrent}));
  EXPECT_EQ(restore_location("xpu:0", machine).value(), (Device{"xpu", 0}));
  EXPECT_EQ(restore_location("xpu", machine).value(), (Device{"xpu", Device::kCurrent}));
  const Devices custom = {{{"privateuseone", 1}, {"hpu", 3}}};
  const auto find_custom = [&]() -> const Devices& { return custom; };
  EXPECT_EQ(restore_location("privateuseone:0", find_custom).value(), (Device{"privateuseone", 0}));
  EXPECT_EQ(restore_location("hpu:2", find_custom).value(), (Device{"hpu", 2}));
}

// M01: tags that no rule of torch.load takes.
TEST(RestoreLocation, RefusesTagsThatNobodyKnows) {
  for (const std::string tag :
       {"",      "cpu:0",  "CPU",         "Cpu",   " cpu",    "cpu ",      "meta:0", "meta\n",
        "gpu",   "foo",    "cudaX",       "cuda_", "cuda\n",  "CUDA:0",    "hpuX",   "xpu ",
        "xla:0", "vulkan", "privateuse1", "cud",   "xcuda:0", "cpu,cuda:0"}) {
    EXPECT_EQ(refusal(tag),
              "Device error: don't know how to restore data location of "
              "torch.storage.UntypedStorage (tagged with " +
                  tag + ").");
  }
}

TEST(RestoreLocation, RefusesTagsWithANul) {
  for (const std::string& tag : {std::string("cpu\0", 4), std::string("cuda\0:0", 7)}) {
    EXPECT_TRUE(refusal(tag).ends_with("(tagged with " + tag + ").")) << tag;
  }
}

// M01: torch 2.11 reads 256 as 0 and 300 as 44.
TEST(RestoreLocation, RefusesIndicesThatAreNoPlainNumbers) {
  for (const std::string tag : {"cuda:", "cuda0", "cuda1", "cuda:-1", "cuda:+1", "cuda:0x1",
                                "cuda:abc", "cuda: 1", "cuda:1 ", "cuda:01", "cuda:00", "cuda:1:2",
                                "cuda:1.0", "cuda::1", "cuda:0\n", "xpu:x", "xpu0", "mtia:x"}) {
    EXPECT_EQ(refusal(tag), "Device error: Invalid device string: '" + tag + "'.");
  }
}

// M02
TEST(RestoreLocation, RefusesIndicesBeyondTheDevices) {
  for (const std::string index :
       {"2", "7", "127", "128", "255", "256", "257", "300", "2147483647"}) {
    EXPECT_EQ(refusal("cuda:" + index),
              "Device error: Attempting to deserialize object on CUDA device " + index +
                  " but torch.cuda.device_count() is 2. Please use torch.load with map_location to "
                  "map your storages to an existing device.");
  }
  EXPECT_EQ(refusal("xpu:1"),
            "Device error: Attempting to deserialize object on XPU device 1 but "
            "torch.xpu.device_count() is 1. Please use torch.load with map_location to map your "
            "storages to an existing device.");
}

// c10 has eight bits for an index, whatever a driver says that it has.
TEST(RestoreLocation, RefusesIndicesThatC10CannotHold) {
  const Devices many = {{{"cuda", 1000}}};
  const auto find_many = [&]() -> const Devices& { return many; };
  EXPECT_EQ(restore_location("cuda:127", find_many).value(), (Device{"cuda", 127}));
  for (const std::string tag : {"cuda:128", "cuda:256", "cuda:300"}) {
    EXPECT_NE(refusal(tag, find_many).find("Attempting to deserialize object on CUDA device"),
              std::string::npos)
        << tag;
  }
}

// M02
TEST(RestoreLocation, SaysThatNoDeviceOfTheKindIsThere) {
  constexpr std::string_view kRemedy =
      "If you are running on a CPU-only machine, please use torch.load with "
      "map_location=torch.device('cpu') to map your storages to the CPU.";
  struct Case {
    std::string tag, text;
  };
  for (const Case& c :
       {Case{"cuda",
             "Attempting to deserialize object on a CUDA device but "
             "torch.cuda.is_available() is False. "},
        Case{"cuda:1",
             "Attempting to deserialize object on a CUDA device but "
             "torch.cuda.is_available() is False. "},
        Case{"cuda:256",
             "Attempting to deserialize object on a CUDA device but "
             "torch.cuda.is_available() is False. "},
        Case{"xpu:0",
             "Attempting to deserialize object on a XPU device but "
             "torch.xpu.is_available() is False. "},
        Case{"mtia",
             "Attempting to deserialize object on a MTIA device but "
             "torch.mtia.is_available() is False. "},
        Case{"hpu:0", "The HPU device module is not registered. "},
        Case{"privateuseone", "The PRIVATEUSEONE device module is not registered. "}}) {
    EXPECT_EQ(refusal(c.tag, machine_without_devices),
              "Device error: " + c.text + std::string(kRemedy));
  }
}

// The index is read first: what is wrong with the tag is said on every machine.
TEST(RestoreLocation, SaysWhatIsWrongWithATagWhereNoDeviceIs) {
  EXPECT_EQ(refusal("cuda:-1", machine_without_devices),
            "Device error: Invalid device string: 'cuda:-1'.");
}

// M02
TEST(RestoreLocation, AdvisesWhatThisMachineHas) {
  EXPECT_EQ(restore_location("gpu", machine).error().advice(),
            "Valid forms are cpu, meta, cuda and cuda:N; on this machine: cpu, meta, cuda:0, "
            "cuda:1, xpu:0.");
  EXPECT_EQ(restore_location("cuda:9", machine_without_devices).error().advice(),
            "Valid forms are cpu, meta, cuda and cuda:N; on this machine: cpu, meta.");
}

TEST(RestoreLocation, ShowsATagEscaped) {
  const Result<Device> device = restore_location("cuda\x1b[2J", machine);
  ASSERT_FALSE(device.ok());
  EXPECT_NE(device.error().display().find("(tagged with cuda\\x1b[2J)"), std::string::npos);
}

// M01
TEST(RestoreLocation, RefusesATagOfAMegabyte) {
  const std::string digits(1 << 20, '1');
  EXPECT_ERROR(restore_location(digits, machine), ErrorKind::kDevice, "don't know how to restore");
  EXPECT_ERROR(restore_location("cuda:" + digits, machine), ErrorKind::kDevice, "device");
}

TEST(DeviceText, IsTheTypeAndTheIndexWhereThereIsOne) {
  EXPECT_EQ(to_string(Device{"cpu", Device::kCurrent}), "cpu");
  EXPECT_EQ(to_string(Device{"cuda", 0}), "cuda:0");
  EXPECT_EQ(to_string(Device{"cuda", 12}), "cuda:12");
}

TEST(Devices, CountsWhatIsListed) {
  EXPECT_EQ(machine().count("cuda"), 2);
  EXPECT_EQ(machine().count("mtia"), 0);
  EXPECT_EQ(machine().count("hpu"), std::nullopt);
  EXPECT_EQ(Devices().count("cuda"), std::nullopt);
  EXPECT_EQ(Devices().list(), "cpu, meta");
}

TEST(RestoreLocation, SaysThatAnIndexCannotBeParsed) {
  for (const std::string index : {"2147483648", "99999999999"}) {
    EXPECT_ERROR(
        restore_location("cuda:" + index, machine), ErrorKind::kDevice,
        "Could not parse device index '" + index + "' in device string 'cuda:" + index + "'");
  }
}

// torch looks for the module of an unknown backend before it reads the index.
TEST(RestoreLocation, SaysThatABackendIsUnknownWhateverTheIndex) {
  EXPECT_ERROR(restore_location("hpu:x", machine), ErrorKind::kDevice,
               "The HPU device module is not registered.");
  EXPECT_ERROR(restore_location("privateuseone:x", machine), ErrorKind::kDevice,
               "The PRIVATEUSEONE device module is not registered.");
}

TEST(RestoreLocation, KnowsThatMpsIsNotHere) {
  for (const char* tag : {"mps", "mps:0", "mpsX"}) {
    EXPECT_ERROR(restore_location(tag, machine), ErrorKind::kDevice,
                 "torch.UntypedStorage(): Storage device not recognized: mps");
  }
}

}  // namespace
}  // namespace hardload
