// The rest of torch.load's texts for location tags, as torch 2.11 prints them.

#include <gtest/gtest.h>

#include "loader/place/device.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

const Devices& machine() {
  static const Devices devices = {{{"cuda", 2}}};
  return devices;
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
