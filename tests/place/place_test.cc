// place gives each storage of a manifest the device that its tag or map_location says.

#include "loader/place/place.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

// A list of tensors with a storage each, saved at `locations`.
std::string checkpoint(const std::vector<std::string>& locations) {
  CheckpointBuilder builder;
  PickleBuilder p;
  p.empty_list().mark();
  for (std::size_t i = 0; i < locations.size(); ++i) {
    const std::string key = std::to_string(i);
    p.global("torch._utils", "_rebuild_tensor_v2").mark();
    p.storage("FloatStorage", key, 1, locations[i]).integer(0).integers({1}).integers({1});
    p.boolean(false).ordered_dict().tuple().reduce();
    builder.storage(key, std::string(4, '\1'));
  }
  return builder.pickle(p.op('e').stop()).build();
}

const Devices& machine() {
  static const Devices devices = {{{"cuda", 2}}};
  return devices;
}

const Devices& not_to_be_asked() {
  ADD_FAILURE() << "the devices were looked for";
  return machine();
}

Result<std::vector<std::string>> places(const std::vector<std::string>& locations,
                                        const MapLocation& map_location = {},
                                        const FindDevices& find_devices = machine) {
  const std::string bytes = checkpoint(locations);
  const MemorySource source = testing::source_of(bytes);
  HARDLOAD_ASSIGN(const Manifest manifest, describe(source, {}));
  HARDLOAD_ASSIGN(const auto devices, place(manifest, map_location, find_devices));
  std::vector<std::string> names;
  for (const Device& device : devices) names.push_back(to_string(device));
  return names;
}

using Names = std::vector<std::string>;

TEST(Place, FollowsTheSavedTags) {
  EXPECT_EQ(places({"cpu", "cuda:0", "cuda:0", "cuda:1", "cpu", "meta", "cuda"}).value(),
            (Names{"cpu", "cuda:0", "cuda:0", "cuda:1", "cpu", "meta", "cuda"}));
}

TEST(Place, DoesNotLookForDevicesUnlessATagNamesOne) {
  EXPECT_EQ(places({"cpu", "meta", "cpu"}, {}, not_to_be_asked).value(),
            (Names{"cpu", "meta", "cpu"}));
}

// M02: the tag of a file is not even looked at where the caller says where things go.
TEST(Place, MapLocationIsForAllStoragesWhateverTheirTags) {
  EXPECT_EQ(places({"cpu", "cuda:7", "no such thing", "meta"}, "cpu", not_to_be_asked).value(),
            (Names{"cpu", "cpu", "cpu", "cpu"}));
  EXPECT_EQ(places({"cpu", "cuda:7"}, "cuda:1").value(), (Names{"cuda:1", "cuda:1"}));
  // M05
  EXPECT_EQ(places({"cpu", "cuda:7"}, "meta", not_to_be_asked).value(), (Names{"meta", "meta"}));
}

// M02
TEST(Place, RefusesTheFirstTagThatIsNotThere) {
  EXPECT_ERROR(places({"cpu", "cuda:2", "no such thing"}), ErrorKind::kDevice,
               "on CUDA device 2 but torch.cuda.device_count() is 2");
  EXPECT_ERROR(places({"cpu", "no such thing", "cuda:2"}), ErrorKind::kDevice,
               "(tagged with no such thing)");
  EXPECT_OK(places({"cpu", "cuda:1"}));
  EXPECT_ERROR(places({"cpu", "cuda:2", "cpu"}), ErrorKind::kDevice,
               "The file's tensors were saved on cpu, cuda:2; map_location says");
  EXPECT_ERROR(places({"cuda:2", "cuda:3", "cuda:4", "cuda:5", "cuda:6", "cuda:7", "cuda:8"}),
               ErrorKind::kDevice, "saved on cuda:2, cuda:3, cuda:4, cuda:5, cuda:6 and others;");
}

// M01
TEST(Place, RefusesAMapLocationThatIsWrong) {
  EXPECT_ERROR(places({"cpu"}, ""), ErrorKind::kDevice, "(tagged with )");
  EXPECT_ERROR(places({"cpu"}, "gpu"), ErrorKind::kDevice, "(tagged with gpu)");
  EXPECT_ERROR(places({"cpu"}, "cuda:-1"), ErrorKind::kDevice, "Invalid device string: 'cuda:-1'");
}

// Stands for torch::Device, which this room does not know.
struct OtherDevice {
  std::string text;
  std::string str() const { return text; }
};

TEST(Place, ADeviceIsItsName) {
  EXPECT_EQ(places({"cuda:7"}, OtherDevice{"cuda:1"}).value(), Names{"cuda:1"});
  EXPECT_EQ(places({"cuda:7"}, Device{"cuda", 1}).value(), Names{"cuda:1"});
  // torch.load has no such place, whatever torch.device says.
  EXPECT_ERROR(places({"cuda:7"}, OtherDevice{"cpu:0"}), ErrorKind::kDevice, "(tagged with cpu:0)");
}

TEST(Place, ATableMapsTagsAndLeavesOthers) {
  const MapLocation::Table table = {{"cuda:7", "cuda:1"}, {"gone", "cpu"}};
  EXPECT_EQ(places({"cuda:7", "cpu", "gone", "cuda:0", "cuda:7"}, table).value(),
            (Names{"cuda:1", "cpu", "cpu", "cuda:0", "cuda:1"}));
  EXPECT_ERROR(places({"cuda:6"}, table), ErrorKind::kDevice, "CUDA device 6");
  EXPECT_ERROR(places({"cpu"}, MapLocation::Table{{"cpu", "gpu"}}), ErrorKind::kDevice,
               "(tagged with gpu)");
}

// M03
TEST(Place, AFunctionIsAskedOncePerStorage) {
  std::vector<std::string> asked;
  const auto ask = [&](const StorageSpec& storage,
                       std::string_view tag) -> std::optional<std::string> {
    asked.push_back(std::string(storage.key) + " " + std::string(tag));
    if (tag == "cuda:7") return "cpu";
    return std::nullopt;
  };
  EXPECT_EQ(places({"cuda:7", "cuda:1", "cuda:7"}, ask).value(), (Names{"cpu", "cuda:1", "cpu"}));
  EXPECT_EQ(asked, (Names{"0 cuda:7", "1 cuda:1", "2 cuda:7"}));
  EXPECT_ERROR(places({"cuda:6"}, ask), ErrorKind::kDevice, "CUDA device 6");
}

TEST(Place, AFunctionMayGiveAnyKindOfPlace) {
  const auto plain = [](const StorageSpec&, std::string_view) { return "cpu"; };
  EXPECT_EQ(places({"cuda:7"}, plain).value(), Names{"cpu"});
  const auto device = [](const StorageSpec&, std::string_view) { return Device{"cuda", 0}; };
  EXPECT_EQ(places({"cuda:7"}, device).value(), Names{"cuda:0"});
  const auto other = [](const StorageSpec& storage, std::string_view) {
    return storage.bytes > 1 ? std::optional(OtherDevice{"meta"}) : std::nullopt;
  };
  EXPECT_EQ(places({"cuda:7"}, other).value(), Names{"meta"});
}

TEST(Place, OfNoStoragesIsNothing) { EXPECT_EQ(places({}).value(), Names{}); }

}  // namespace
}  // namespace hardload
