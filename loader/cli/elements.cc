#include "loader/cli/elements.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "loader/base/text.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

bool is_integer(Dtype dtype) {
  switch (dtype) {
    case Dtype::kInt64:
    case Dtype::kInt32:
    case Dtype::kInt16:
    case Dtype::kInt8:
    case Dtype::kUInt8:
    case Dtype::kUInt16:
    case Dtype::kUInt32:
    case Dtype::kUInt64: return true;
    default: return false;
  }
}

}  // namespace

Result<ElementReader::Transform> ElementReader::transform_of(const TensorSpec& tensor) {
  const DtypeInfo& dtype = info(tensor.dtype);
  Transform transform;
  if (tensor.is_conj && tensor.is_neg) {  // the real part alone changes its sign
    transform.sign_step = dtype.item_bytes;
    transform.sign_first = dtype.swap_bytes;
  } else if (tensor.is_conj) {  // the imaginary part
    transform.sign_step = transform.sign_first = dtype.item_bytes;
  } else if (tensor.is_neg && (dtype.is_complex || dtype.is_floating)) {
    transform.sign_step = transform.sign_first = dtype.swap_bytes;
  } else if (tensor.is_neg && is_integer(tensor.dtype)) {
    transform.negate_unit = dtype.item_bytes;
  } else if (tensor.is_neg) {
    return Error(ErrorKind::kUnsupported, Stage::kCli,
                 concat("a tensor of ", dtype.name, " has its neg bit set"));
  }
  return transform;
}

void ElementReader::apply(const Transform& transform, std::span<std::byte> block) {
  if (transform.sign_step != 0) {
    for (std::size_t end = transform.sign_first; end <= block.size(); end += transform.sign_step) {
      block[end - 1] ^= std::byte{0x80};
    }
  }
  if (transform.negate_unit != 0) {
    for (std::size_t at = 0; at < block.size(); at += transform.negate_unit) {
      unsigned carry = 1;  // -x is ~x + 1
      for (std::size_t i = at; i < at + transform.negate_unit; ++i) {
        const unsigned value = std::to_integer<unsigned>(~block[i]) + carry;
        block[i] = static_cast<std::byte>(value);
        carry = value >> 8;
      }
    }
  }
}

Result<ElementReader> ElementReader::open(const Manifest& manifest, const TensorSpec& tensor,
                                          std::span<const std::byte> storage) {
  ElementReader reader;
  HARDLOAD_ASSIGN(reader.transform_, transform_of(tensor));
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
  apply(transform_, block);
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
