// kVersion: the version of this library and its command.
#pragma once

#include <string_view>

namespace hardload {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace hardload
