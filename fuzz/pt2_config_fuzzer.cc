// Property: a list of weights that is accepted says the same to another JSON reader, and every
// refusal gives advice.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz/check.h"
#include "loader/container/pt2_config.h"

namespace {

using namespace hardload;
using nlohmann::ordered_json;

fuzz::Milestones<2> milestones({"accepted", "with weights"});

std::vector<std::int64_t> integers(const ordered_json& array) {
  std::vector<std::int64_t> values;
  for (const ordered_json& item : array) values.push_back(item.at("as_int"));
  return values;
}

void compare(const Pt2Config& config, const Pt2Weight& weight, const ordered_json& other) {
  const ordered_json& meta = other.at("tensor_meta");
  fuzz::check(other.at("path_name") == weight.path_name, "the same record");
  fuzz::check(other.value("is_param", false) == weight.is_parameter, "the same kind");
  fuzz::check(meta.value("requires_grad", false) == weight.requires_grad, "the same gradient");
  std::vector<std::int64_t> dims = integers(meta.value("sizes", ordered_json::array()));
  for (const std::int64_t stride : integers(meta.value("strides", ordered_json::array()))) {
    dims.push_back(stride);
  }
  const auto begin = config.dims.begin() + static_cast<std::ptrdiff_t>(weight.dims);
  fuzz::check(dims == std::vector(begin, begin + 2 * static_cast<std::ptrdiff_t>(weight.rank)),
              "the same sizes and strides");
  const std::string type = meta.at("device").at("type");
  fuzz::check(weight.location.starts_with(type), "the same device");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const auto bytes = fuzz::as_bytes(data, size);
  Buffer text = Buffer::allocate(size).value();
  std::copy(bytes.begin(), bytes.end(), text.bytes().begin());
  const auto config = parse_pt2_config(std::move(text), {});
  if (!config.ok()) {
    fuzz::check(!config.error().advice().empty(), "an error gives advice");
    return 0;
  }
  milestones.reach(0);
  const auto begin = reinterpret_cast<const char*>(data);
  const ordered_json other = ordered_json::parse(begin, begin + size, nullptr, false);
  fuzz::check(other.is_object(), "the other reader accepts it");
  if (config->weights.empty()) return 0;
  milestones.reach(1);
  std::set<std::string_view> names;
  for (const Pt2Weight& weight : config->weights) {
    fuzz::check(names.insert(weight.name).second, "names differ");
    compare(*config, weight, other.at("config").at(std::string(weight.name)));
  }
  fuzz::check(other.at("config").size() == names.size(), "all weights are listed");
  return 0;
}
