#include "loader/place/device.h"

#include <charconv>
#include <utility>

#include "loader/base/text.h"

namespace hardload {
namespace {

// In the order in which torch.load asks them, without mps, whose rules are its own.
constexpr std::string_view kBackends[] = {"cuda", "privateuseone", "hpu", "xpu", "mtia"};

// c10 keeps an index in eight bits and lets 300 become 44.
constexpr int kLargestIndex = 127;

// Of one of these: small letters alone.
std::string upper(std::string_view backend) {
  std::string out(backend);
  for (char& c : out) c = static_cast<char>(c - 'a' + 'A');
  return out;
}

Error wrong(std::string problem, const Devices& devices) {
  return Error(ErrorKind::kDevice, Stage::kPlace, std::move(problem))
      .advise(concat(
          "Valid forms are cpu, meta, cuda and cuda:N; on this machine: ", devices.list(), "."));
}

// torch.load's pattern: the name, alone or followed by ":" or a digit.
bool belongs_to(std::string_view tag, std::string_view backend) {
  if (!tag.starts_with(backend)) return false;
  const std::string_view rest = tag.substr(backend.size());
  return rest.empty() || rest[0] == ':' || (rest[0] >= '0' && rest[0] <= '9');
}

// The index in "backend:index".
Result<int> parse_index(std::string_view backend, std::string_view tag, const Devices& devices) {
  const std::string_view rest = tag.substr(backend.size());
  const std::string_view digits = rest[0] == ':' ? rest.substr(1) : std::string_view();
  const bool plain = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos &&
                     (digits.size() == 1 || digits[0] != '0');
  if (!plain) return wrong(concat("Invalid device string: '", tag, "'"), devices);
  int index = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (parsed.ec == std::errc()) return index;
  return wrong(concat("Could not parse device index '", digits, "' in device string '", tag, "'"),
               devices);
}

Result<Device> restore_to(std::string_view backend, std::string_view tag, const Devices& devices) {
  constexpr std::string_view kRemedy =
      " If you are running on a CPU-only machine, please use torch.load with "
      "map_location=torch.device('cpu') to map your storages to the CPU.";
  const auto count = devices.count(backend);
  if (!count) {
    return wrong(concat("The ", upper(backend), " device module is not registered.", kRemedy),
                 devices);
  }
  Device device{std::string(backend), Device::kCurrent};
  if (tag != backend) {
    HARDLOAD_ASSIGN(device.index, parse_index(backend, tag, devices));
  }
  if (*count == 0) {
    return wrong(concat("Attempting to deserialize object on a ", upper(backend),
                        " device but torch.", backend, ".is_available() is False.", kRemedy),
                 devices);
  }
  if (device.index >= *count || device.index > kLargestIndex) {
    return wrong(concat("Attempting to deserialize object on ", upper(backend), " device ",
                        device.index, " but torch.", backend, ".device_count() is ", *count,
                        ". Please use torch.load with map_location to map your storages to an "
                        "existing device."),
                 devices);
  }
  return device;
}

}  // namespace

std::string to_string(const Device& device) {
  return device.index == Device::kCurrent ? device.type : concat(device.type, ":", device.index);
}

std::optional<int> Devices::count(std::string_view type) const {
  for (const Count& entry : counts) {
    if (entry.type == type) return entry.devices;
  }
  return std::nullopt;
}

std::string Devices::list() const {
  std::string text = "cpu, meta";
  for (const Count& entry : counts) {
    for (int i = 0; i < entry.devices; ++i) append(text, ", ", entry.type, ":", i);
  }
  return text;
}

Result<Device> restore_location(std::string_view tag, const FindDevices& find_devices) {
  if (tag == "cpu" || tag == "meta") return Device{std::string(tag), Device::kCurrent};
  for (const std::string_view backend : kBackends) {
    if (belongs_to(tag, backend)) return restore_to(backend, tag, find_devices());
  }
  // What torch for Linux says of every tag that begins so.
  if (tag.starts_with("mps")) {
    return wrong("torch.UntypedStorage(): Storage device not recognized: mps", find_devices());
  }
  return wrong(concat("don't know how to restore data location of torch.storage.UntypedStorage "
                      "(tagged with ",
                      tag, ")"),
               find_devices());
}

}  // namespace hardload
