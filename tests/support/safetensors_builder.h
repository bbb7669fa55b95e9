// Safetensors files for tests, right or wrong.
//
//   safetensors("{" + member("w", "F32", "[2]", 0, 8) + "}", std::string(8, '\1'))
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "loader/base/text.h"

namespace hardload::testing {

// A file with this header and this data.
inline std::string safetensors(std::string_view header, std::string_view data = {}) {
  std::string out;
  for (int i = 0; i < 64; i += 8) {
    out += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> i);
  }
  return out.append(header).append(data);
}

// What a header says of a tensor. `name` stands in it as it is.
inline std::string member(std::string_view name, std::string_view dtype, std::string_view shape,
                          std::uint64_t begin, std::uint64_t end) {
  return concat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                ",\"data_offsets\":[", begin, ",", end, "]}");
}

}  // namespace hardload::testing
