// Property: whatever a location tag or map_location says, a storage goes to a device that is there,
// or an error says in PyTorch's words why not; and a device's name means that device.
//
// The input is text: lines `FROM TO` of a table, then, after an empty line, saved tags.

#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "loader/place/device.h"
#include "loader/place/map_location.h"

namespace {

using namespace hardload;

fuzz::Milestones<2> milestones({"an accelerator", "placed"});

const Devices& machine() {
  static const Devices devices = {{{"cuda", 2}, {"xpu", 1}, {"mtia", 0}}};
  return devices;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool is_placed, is_accelerator;  // of this input

void check_tag(std::string_view tag) {
  const auto device = restore_location(tag, machine);
  if (!device.ok()) {
    fuzz::check(device.error().kind() == ErrorKind::kDevice, "the error is about the device");
    fuzz::check(!device.error().advice().empty(), "an error gives advice");
    return;
  }
  is_placed = true;
  if (device->type == "cpu" || device->type == "meta") {
    fuzz::check(device->index == Device::kCurrent && tag == device->type, "one place, one name");
    return;
  }
  is_accelerator = true;
  fuzz::check(tag.starts_with(device->type), "a tag begins with its type");
  const auto count = machine().count(device->type);
  fuzz::check(count.has_value() && device->index < *count, "the device is there");
  fuzz::check(device->index >= Device::kCurrent, "an index is a number");
  fuzz::check(restore_location(to_string(*device), machine).value() == *device,
              "a device's name means the device");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  is_placed = is_accelerator = false;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  MapLocation::Table table;
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    const std::size_t space = std::min(line.find(' '), line.size());
    table.emplace(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
  }
  const MapLocation by_table = table;
  while (!text.empty()) {
    const std::string_view tag = take_line(text);
    check_tag(tag);
    StorageSpec storage{};
    storage.location = tag;
    const auto row = table.find(std::string(tag));
    const std::string mapped = by_table.tag(storage);
    fuzz::check(mapped == (row == table.end() ? tag : row->second), "a table maps what is in it");
    check_tag(mapped);
    fuzz::check(MapLocation().tag(storage) == tag, "without map_location a tag stays");
    fuzz::check(MapLocation(mapped).tag(storage) == mapped, "one place is for all");
  }
  if (is_accelerator) milestones.reach(0);
  if (is_placed) milestones.reach(1);
  return 0;
}
