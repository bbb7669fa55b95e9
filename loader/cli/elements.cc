#include "loader/cli/elements.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "loader/cli/element_transform.h"
#include "loader/cli/odometer.h"
#include "loader/manifest/layout.h"

namespace hardload {

Result<void> for_each_block(const Manifest& manifest, const TensorSpec& tensor,
                            std::span<const std::byte> storage,
                            const std::function<void(std::span<const std::byte>)>& take) {
  HARDLOAD_ASSIGN(const ElementTransform transform, ElementTransform::of(tensor));
  if (tensor.numel == 0) return {};
  const std::size_t item = item_bytes(tensor.dtype);
  const auto shape = manifest.shape(tensor);
  const auto strides = manifest.strides(tensor);
  const bool contiguous = is_contiguous(shape, strides);
  const std::uint64_t nbytes = manifest.nbytes(tensor);
  if (contiguous && transform.is_nothing()) {
    take(storage.subspan(static_cast<std::size_t>(tensor.offset) * item, nbytes));
    return {};
  }

  // Whole elements of every size fit: 16 divides it.
  std::vector<std::byte> block(std::min<std::size_t>(64 << 10, nbytes));
  std::size_t filled = 0;
  const auto put = [&](std::span<const std::byte> bytes) {
    std::memcpy(block.data() + filled, bytes.data(), bytes.size());
    filled += bytes.size();
  };
  const auto hand_over = [&] {
    const auto full = std::span(block).first(filled);
    transform.apply(full);
    take(full);
    filled = 0;
  };
  if (contiguous) {
    auto rest = storage.subspan(static_cast<std::size_t>(tensor.offset) * item, nbytes);
    while (!rest.empty()) {
      put(rest.first(std::min(rest.size(), block.size())));
      rest = rest.subspan(filled);
      hand_over();
    }
    return {};
  }
  Odometer odometer(shape, strides, tensor.offset);
  do {
    if (filled == block.size()) hand_over();
    put(storage.subspan(static_cast<std::size_t>(odometer.position()) * item, item));
  } while (odometer.advance());
  hand_over();
  return {};
}

}  // namespace hardload
