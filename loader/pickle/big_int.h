// big_int_text: an integer of any width as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace hardload {

// The two's complement little-endian integer `bytes` in decimal; in hexadecimal ("-0x1f") where it
// has more than 4,300 digits, from which on Python refuses decimal, too: the conversion is
// quadratic.
std::string big_int_text(std::span<const std::byte> bytes);

}  // namespace hardload
