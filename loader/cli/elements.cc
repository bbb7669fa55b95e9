#include "loader/cli/elements.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "loader/cli/element_transform.h"
#include "loader/manifest/layout.h"

namespace hardload {
Result<ElementReader> ElementReader::open(const Manifest& manifest, const TensorSpec& tensor,
                                          std::span<const std::byte> storage) {
  ElementReader reader;
  HARDLOAD_ASSIGN(reader.transform_, ElementTransform::of(tensor));
  if (tensor.numel == 0) return reader;
  const auto shape = manifest.shape(tensor);
  const auto strides = manifest.strides(tensor);
  const std::uint64_t nbytes = manifest.nbytes(tensor);
  reader.item_ = item_bytes(tensor.dtype);
  reader.left_ = nbytes / reader.item_;
  reader.storage_ = storage;
  reader.contiguous_ = is_contiguous(shape, strides);
  reader.position_ = tensor.offset;
  if (reader.contiguous_) {
    reader.storage_ =
        storage.subspan(static_cast<std::size_t>(tensor.offset) * reader.item_, nbytes);
    return reader;
  }
  for (std::size_t i = shape.size(); i-- > 0;) {
    // Dimensions of size 1 never move, and their strides may be any number.
    if (shape[i] != 1) reader.wheels_.push_back({shape[i], strides[i], 0});
  }
  return reader;
}

std::span<const std::byte> ElementReader::next(std::uint64_t most) {
  const std::uint64_t count = std::min(most, left_);
  const std::size_t bytes = static_cast<std::size_t>(count) * item_;
  left_ -= count;
  std::span<const std::byte> direct;
  if (contiguous_) {
    direct = storage_.first(bytes);
    storage_ = storage_.subspan(bytes);
    if (transform_.is_nothing()) return direct;
  }
  if (block_.size() < bytes) block_.resize(bytes);
  const auto block = std::span(block_).first(bytes);
  if (contiguous_) {
    std::copy(direct.begin(), direct.end(), block.begin());
  } else {
    for (std::size_t at = 0; at < bytes; at += item_) {
      std::memcpy(&block[at], &storage_[static_cast<std::size_t>(position_) * item_], item_);
      turn();
    }
  }
  transform_.apply(block);
  return block;
}

// To the next index in row-major order.
void ElementReader::turn() {
  for (Wheel& wheel : wheels_) {
    position_ += wheel.stride;
    if (++wheel.index < wheel.size) return;
    position_ -= wheel.stride * wheel.size;
    wheel.index = 0;
  }
}

Result<void> for_each_block(const Manifest& manifest, const TensorSpec& tensor,
                            std::span<const std::byte> storage,
                            const std::function<void(std::span<const std::byte>)>& take) {
  HARDLOAD_ASSIGN(ElementReader reader, ElementReader::open(manifest, tensor, storage));
  constexpr std::uint64_t kElements = 8 << 10;
  for (auto block = reader.next(kElements); !block.empty(); block = reader.next(kElements)) {
    take(block);
  }
  return {};
}

}  // namespace hardload
