#include "loader/cli/elements.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "loader/base/text.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

// What has to be done to each element after it was copied.
struct Transform {
  std::size_t sign_step = 0;    // flip the top bit of the last byte of each so many bytes,
  std::size_t sign_first = 0;   // the first of these after so many bytes; 0: nothing
  std::size_t negate_unit = 0;  // negate integers of this size; 0: nothing

  bool is_nothing() const { return sign_step == 0 && negate_unit == 0; }
};

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

Result<Transform> transform_of(const TensorSpec& tensor) {
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

void apply(const Transform& transform, std::span<std::byte> block) {
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

// Goes over the indices of a shape in row-major order, keeping the element's position.
class Odometer {
 public:
  Odometer(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
           std::int64_t offset)
      : position_(offset) {
    for (std::size_t i = shape.size(); i-- > 0;) {
      // Dimensions of size 1 never move, and their strides may be any number.
      if (shape[i] != 1) wheels_.push_back({shape[i], strides[i], 0});
    }
  }

  std::int64_t position() const { return position_; }

  // To the next index; false after the last.
  bool advance() {
    for (Wheel& wheel : wheels_) {
      position_ += wheel.stride;
      if (++wheel.index < wheel.size) return true;
      position_ -= wheel.stride * wheel.size;
      wheel.index = 0;
    }
    return false;
  }

 private:
  struct Wheel {
    std::int64_t size, stride, index;
  };
  std::vector<Wheel> wheels_;  // of the last dimension first
  std::int64_t position_;
};

}  // namespace

Result<void> for_each_block(const Manifest& manifest, const TensorSpec& tensor,
                            std::span<const std::byte> storage,
                            const std::function<void(std::span<const std::byte>)>& take) {
  HARDLOAD_ASSIGN(const Transform transform, transform_of(tensor));
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
    apply(transform, full);
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
