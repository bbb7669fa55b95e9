// size_text, counted: numbers for people.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "loader/base/text.h"

namespace hardload {

// "1 tensor", "2 tensors"
inline std::string counted(std::uint64_t count, std::string_view what) {
  return concat(count, " ", what, count == 1 ? "" : "s");
}

// "512 bytes", "88.9 MB": three digits, decimal units.
inline std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return counted(bytes, "byte");
  const char* unit = "kB";
  double value = static_cast<double>(bytes) / 1e3;
  for (const char* larger : {"MB", "GB", "TB", "PB", "EB"}) {
    if (value < 1000) break;
    value /= 1e3;
    unit = larger;
  }
  const long tenths = std::lround(value * 10);
  return concat(tenths / 10, ".", tenths % 10, " ", unit);
}

}  // namespace hardload
