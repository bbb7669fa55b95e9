#include "loader/base/byte_swap.h"

#include <algorithm>

namespace hardload {
namespace {

// A fixed size lets the compiler turn the reversal into one instruction.
template <std::size_t unit>
void swap_units(std::span<std::byte> bytes) {
  for (std::size_t i = 0; i + unit <= bytes.size(); i += unit) {
    std::reverse(bytes.data() + i, bytes.data() + i + unit);
  }
}

}  // namespace

void swap_bytes(std::span<std::byte> bytes, std::size_t unit) {
  switch (unit) {
    case 2: swap_units<2>(bytes); break;
    case 4: swap_units<4>(bytes); break;
    case 8: swap_units<8>(bytes); break;
    default: break;  // single bytes have no order
  }
}

}  // namespace hardload
