#include "loader/container/pt2_config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"
#include "loader/container/json_cursor.h"

namespace hardload {
namespace {

constexpr std::uint64_t kStrided = 7;

// ScalarType of the schema. It has no other types that torch can save so.
std::optional<Dtype> dtype_of(std::uint64_t number) {
  switch (number) {
    case 1: return Dtype::kUInt8;
    case 2: return Dtype::kInt8;
    case 3: return Dtype::kInt16;
    case 4: return Dtype::kInt32;
    case 5: return Dtype::kInt64;
    case 6: return Dtype::kFloat16;
    case 7: return Dtype::kFloat32;
    case 8: return Dtype::kFloat64;
    case 9: return Dtype::kComplex32;
    case 10: return Dtype::kComplex64;
    case 11: return Dtype::kComplex128;
    case 12: return Dtype::kBool;
    case 13: return Dtype::kBFloat16;
    case 28: return Dtype::kUInt16;
    case 29: return Dtype::kFloat8E4M3FN;
    case 30: return Dtype::kFloat8E5M2;
    case 31: return Dtype::kFloat8E4M3FNUZ;
    case 32: return Dtype::kFloat8E5M2FNUZ;
    default: return std::nullopt;
  }
}

class ConfigParser {
 public:
  ConfigParser(Pt2Config& config, const Limits& limits)
      : config_(config),
        json_({reinterpret_cast<char*>(config.text.bytes().data()), config.text.size()}, 0),
        limits_(limits) {}

  Result<void> parse() {
    HARDLOAD_TRY(members([&](std::string_view key) -> Result<void> {
      if (key != "config") return unknown(key);
      return parse_weights();
    }));
    return json_.finish();
  }

 private:
  // Reads an object; `read(key)` reads the value of each member. A member may stand there once.
  template <typename Read>
  Result<void> members(const Read& read) {
    HARDLOAD_TRY(json_.enter_object());
    std::vector<std::string_view> seen;
    for (;;) {
      HARDLOAD_ASSIGN(const auto key, json_.next_key());
      if (!key) return {};
      for (const std::string_view other : seen) {
        if (other == *key) return malformed(concat("the member '", *key, "' stands there twice"));
      }
      HARDLOAD_TRY(read(*key));  // refuses what it does not know, so that `seen` stays short
      seen.push_back(*key);
    }
  }

  Result<void> parse_weights() {
    HARDLOAD_TRY(json_.enter_object());
    NameIndex names;
    for (;;) {
      HARDLOAD_ASSIGN(const auto name, json_.next_key());
      if (!name) return {};
      if (config_.weights.size() == limits_.max_records) {
        return Error(ErrorKind::kLimit, Stage::kContainer,
                     concat("the list has more weights than max_records, ", limits_.max_records))
            .at(json_.position());
      }
      const auto number = static_cast<std::uint32_t>(config_.weights.size());
      const auto same = [&](std::uint32_t i) { return config_.weights[i].name == *name; };
      if (names.insert(seeded_hash(*name), number, same)) {
        return Error(ErrorKind::kKey, Stage::kContainer,
                     concat("the weight '", name->substr(0, 200), "' is listed twice"))
            .at(json_.position());
      }
      HARDLOAD_ASSIGN(Pt2Weight weight, parse_weight(*name));
      config_.weights.push_back(weight);
    }
  }

  Result<Pt2Weight> parse_weight(std::string_view name) {
    Pt2Weight weight{};
    weight.name = name;
    bool is_pickled = false, has_path = false, has_tensor = false;
    HARDLOAD_TRY(members([&](std::string_view key) -> Result<void> {
      if (key == "path_name") {
        HARDLOAD_ASSIGN(weight.path_name, json_.string());
        has_path = true;
      } else if (key == "is_param") {
        HARDLOAD_ASSIGN(weight.is_parameter, json_.boolean());
      } else if (key == "use_pickle") {
        HARDLOAD_ASSIGN(is_pickled, json_.boolean());
      } else if (key == "tensor_meta") {
        if (json_.take_null()) return {};
        has_tensor = true;
        return parse_tensor(weight);
      } else {
        return unknown(key);
      }
      return {};
    }));
    if (is_pickled) {
      return unsupported(concat("the weight '", name.substr(0, 200),
                                "' is of a subclass of Tensor, and pickled"))
          .advise("Convert it to a plain tensor before torch.export, or save model.state_dict().");
    }
    if (!has_path || !has_tensor) {
      return malformed(
          concat("the weight '", name.substr(0, 200), "' has no path_name, or no tensor_meta"));
    }
    return weight;
  }

  Result<void> parse_tensor(Pt2Weight& weight) {
    std::vector<std::int64_t> sizes, strides;
    bool has_dtype = false, has_layout = false;
    HARDLOAD_TRY(members([&](std::string_view key) -> Result<void> {
      if (key == "sizes") return parse_integers(sizes);
      if (key == "strides") return parse_integers(strides);
      if (key == "device") return parse_device(weight);
      if (key == "requires_grad") {
        HARDLOAD_ASSIGN(weight.requires_grad, json_.boolean());
      } else if (key == "storage_offset") {
        HARDLOAD_ASSIGN(weight.offset, parse_integer());
      } else if (key == "dtype") {
        HARDLOAD_ASSIGN(const std::uint64_t number, json_.number());
        const auto dtype = dtype_of(number);
        if (!dtype) return unsupported(concat("a weight has the dtype number ", number));
        weight.dtype = *dtype;
        has_dtype = true;
      } else if (key == "layout") {
        HARDLOAD_ASSIGN(const std::uint64_t layout, json_.number());
        if (layout != kStrided) return unsupported("a weight is sparse, or has another layout");
        has_layout = true;
      } else {
        return unknown(key);
      }
      return {};
    }));
    if (!has_dtype || !has_layout || weight.location.empty()) {
      return malformed("a weight has no dtype, layout or device");
    }
    if (sizes.size() != strides.size()) {
      return Error(ErrorKind::kLayout, Stage::kContainer,
                   "a weight's sizes and strides differ in number")
          .at(json_.position());
    }
    weight.rank = static_cast<std::uint32_t>(sizes.size());
    weight.dims = config_.dims.size();
    config_.dims.insert(config_.dims.end(), sizes.begin(), sizes.end());
    config_.dims.insert(config_.dims.end(), strides.begin(), strides.end());
    return {};
  }

  Result<void> parse_device(Pt2Weight& weight) {
    std::string_view type;
    std::optional<std::uint64_t> index;
    HARDLOAD_TRY(members([&](std::string_view key) -> Result<void> {
      if (key == "type") {
        HARDLOAD_ASSIGN(type, json_.string());
      } else if (key == "index") {
        if (json_.take_null()) return {};
        HARDLOAD_ASSIGN(index, json_.number());
      } else {
        return unknown(key);
      }
      return {};
    }));
    constexpr std::size_t kLongest = 64;
    if (type.empty() || type.size() > kLongest) return malformed("a weight's device has no type");
    std::string location = index ? concat(type, ":", *index) : std::string(type);
    weight.location = *config_.locations.insert(std::move(location)).first;
    return {};
  }

  Result<void> parse_integers(std::vector<std::int64_t>& integers) {
    HARDLOAD_TRY(json_.enter_array());
    for (;;) {
      HARDLOAD_ASSIGN(const bool is_there, json_.next_item());
      if (!is_there) return {};
      if (integers.size() == limits_.max_rank) {
        return Error(ErrorKind::kLimit, Stage::kContainer,
                     concat("a weight has more dimensions than max_rank, ", limits_.max_rank))
            .at(json_.position());
      }
      HARDLOAD_ASSIGN(const std::int64_t integer, parse_integer());
      integers.push_back(integer);
    }
  }

  // {"as_int": 3}; an expression of symbols, "as_expr", is no size that a weight has.
  Result<std::int64_t> parse_integer() {
    std::optional<std::uint64_t> integer;
    HARDLOAD_TRY(members([&](std::string_view key) -> Result<void> {
      if (key != "as_int") return unknown(key);
      HARDLOAD_ASSIGN(integer, json_.number());
      return {};
    }));
    if (!integer || *integer > static_cast<std::uint64_t>(INT64_MAX)) {
      return malformed("there is no integer where one should be");
    }
    return static_cast<std::int64_t>(*integer);
  }

  Error malformed(std::string problem) const {
    return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem)).at(json_.position());
  }
  Error unsupported(std::string problem) const {
    return Error(ErrorKind::kUnsupported, Stage::kContainer, std::move(problem))
        .at(json_.position());
  }
  Error unknown(std::string_view key) const {
    return unsupported(concat("the list of weights has '", key.substr(0, 100),
                              "' where nothing of this name is known"))
        .advise("If a newer torch wrote the file, export it again with torch 2.11.");
  }

  Pt2Config& config_;
  JsonCursor json_;
  const Limits& limits_;
};

}  // namespace

Result<Pt2Config> parse_pt2_config(Buffer text, const Limits& limits) {
  Pt2Config config;
  config.text = std::move(text);
  HARDLOAD_TRY(ConfigParser(config, limits).parse());
  return config;
}

}  // namespace hardload
