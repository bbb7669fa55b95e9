// json_checkpoint: whole files of torch.save from JSON, for tests that vary one value at a time.
//
//   std::string bytes = json_checkpoint(R"({"#0": {"$tensor": [2, 3]}, "lr": 0.1})"_ojson);
//
// Objects become dicts, arrays lists, scalars what they are. A key "#3" is the int 3. An object
// with a "$tensor" is a tensor of that shape, each with a storage of its own; it may also have
//   "$type": "DoubleStorage"  (default FloatStorage); "$value": 2.5  (of all elements, default
//   0.25)
//   "$strides": [0, 0], "$numel": 1  (of the storage); "$storage": "x"  (one of that name, shared)
// {"$float": "nan"} is a float that JSON has no name for.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/checkpoint_builder.h"
#include "tests/support/pickle_builder.h"

namespace hardload::testing {

class JsonCheckpoint {
 public:
  using Json = nlohmann::ordered_json;

  std::string build(const Json& root) {
    add(root);
    CheckpointBuilder builder;
    builder.pickle(pickle_.stop());
    for (const auto& [key, bytes] : storages_) builder.storage(key, bytes);
    return builder.build();
  }

 private:
  void add(const Json& value) {
    if (value.is_null()) pickle_.none();
    if (value.is_boolean()) pickle_.boolean(value.get<bool>());
    if (value.is_number_integer()) pickle_.integer(value.get<std::int64_t>());
    if (value.is_number_float()) add_float(value.get<double>());
    if (value.is_string()) pickle_.text(value.get<std::string>());
    if (value.is_array()) {
      pickle_.empty_list().mark();
      for (const Json& item : value) add(item);
      pickle_.op('e');
    }
    if (!value.is_object()) return;
    if (value.contains("$tensor")) return add_tensor(value);
    if (value.contains("$float")) {
      return add_float(std::strtod(value["$float"].get<std::string>().c_str(), nullptr));
    }
    pickle_.empty_dict().mark();
    for (const auto& [key, item] : value.items()) {
      if (key.starts_with('#')) {
        pickle_.integer(std::atoll(key.c_str() + 1));
      } else {
        pickle_.text(key);
      }
      add(item);
    }
    pickle_.op('u');
  }

  void add_float(double value) {
    pickle_.op('G');
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) pickle_.op(static_cast<char>(bits >> shift));
  }

  void add_tensor(const Json& value) {
    const auto shape = value["$tensor"].get<std::vector<std::int64_t>>();
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t numel = 1;
    for (std::size_t i = shape.size(); i-- > 0; numel *= shape[i]) strides[i] = numel;
    if (value.contains("$strides")) strides = value["$strides"].get<std::vector<std::int64_t>>();
    if (value.contains("$numel")) numel = value["$numel"].get<std::int64_t>();
    const std::string type = value.value("$type", "FloatStorage");
    const std::string key = value.value("$storage", std::to_string(storages_.size()));
    pickle_.tensor(type, key, numel, shape, strides);
    storages_[key] = elements(type, numel, value.value("$value", 0.25));
  }

  static std::string elements(std::string_view type, std::int64_t numel, double value) {
    const auto repeated = [&](auto element) {
      std::string bytes;
      for (std::int64_t i = 0; i < numel; ++i) {
        bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
      }
      return bytes;
    };
    if (type == "DoubleStorage") return repeated(value);
    if (type == "LongStorage") return repeated(static_cast<std::int64_t>(value));
    if (type == "BoolStorage") return repeated(static_cast<char>(value != 0));
    if (type == "ComplexFloatStorage") return repeated(std::bit_cast<std::int64_t>(value));
    return repeated(static_cast<float>(value));
  }

  PickleBuilder pickle_;
  std::map<std::string, std::string> storages_;
};

inline std::string json_checkpoint(const nlohmann::ordered_json& root) {
  return JsonCheckpoint().build(root);
}

}  // namespace hardload::testing
