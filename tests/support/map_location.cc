// map_location: loads files to places that a description names, for comparison with the real torch.
//
// usage: map_location CASES.json > RESULTS.json
//
// Each case: {"file": path, "form": "none" | "text" | "device" | "table" | "function", "value":
// ...}. Value: a tag; {saved tag: tag}; for a function the saved tags that stay on the CPU. The
// result:
// {"devices": ["cpu", ...]}, of all tensors in order, or {"problem": text, "kind": name}.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <c10/core/Device.h>
#include <nlohmann/json.hpp>

#include "loader/torch/load.h"

namespace {

using Json = nlohmann::json;

hardload::MapLocation place_of(const Json& test) {
  const auto form = test["form"].get<std::string>();
  const Json& value = test["value"];
  if (form == "text") return value.get<std::string>();
  if (form == "device") return c10::Device(value.get<std::string>());
  if (form == "table") return value.get<std::map<std::string, std::string>>();
  if (form == "function") {
    return [stay = value.get<std::vector<std::string>>()](
               const hardload::StorageSpec&, std::string_view tag) -> std::optional<std::string> {
      if (std::find(stay.begin(), stay.end(), tag) == stay.end()) return std::nullopt;
      return "cpu";
    };
  }
  return {};
}

Json run(const Json& test) {
  const auto checkpoint =
      hardload::load(test["file"].get<std::string>(), {.map_location = place_of(test)});
  if (!checkpoint.ok()) {
    return {{"problem", checkpoint.error().problem()},
            {"kind", hardload::to_string(checkpoint.error().kind())}};
  }
  Json devices = Json::array();
  for (const at::Tensor& tensor : checkpoint->tensors()) devices.push_back(tensor.device().str());
  return {{"devices", devices}};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: map_location CASES.json > RESULTS.json\n";
    return 2;
  }
  Json results = Json::array();
  for (const Json& test : Json::parse(std::ifstream(arguments[1]))) results.push_back(run(test));
  std::cout << results << '\n';
}
