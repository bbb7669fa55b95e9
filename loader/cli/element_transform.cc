#include "loader/cli/element_transform.h"

#include "loader/base/text.h"

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

Result<ElementTransform> ElementTransform::of(const TensorSpec& tensor) {
  const DtypeInfo& dtype = info(tensor.dtype);
  ElementTransform transform;
  if (tensor.is_conj && tensor.is_neg) {  // the real part alone changes its sign
    transform.sign_step_ = dtype.item_bytes;
    transform.sign_first_ = dtype.swap_bytes;
  } else if (tensor.is_conj) {  // the imaginary part
    transform.sign_step_ = transform.sign_first_ = dtype.item_bytes;
  } else if (tensor.is_neg && (dtype.is_complex || dtype.is_floating)) {
    transform.sign_step_ = transform.sign_first_ = dtype.swap_bytes;
  } else if (tensor.is_neg && is_integer(tensor.dtype)) {
    transform.negate_unit_ = dtype.item_bytes;
  } else if (tensor.is_neg) {
    return Error(ErrorKind::kUnsupported, Stage::kCli,
                 concat("a tensor of ", dtype.name, " has its neg bit set"));
  }
  return transform;
}

void ElementTransform::apply(std::span<std::byte> block) const {
  if (sign_step_ != 0) {
    for (std::size_t end = sign_first_; end <= block.size(); end += sign_step_) {
      block[end - 1] ^= std::byte{0x80};
    }
  }
  if (negate_unit_ != 0) {
    for (std::size_t at = 0; at < block.size(); at += negate_unit_) {
      unsigned carry = 1;  // -x is ~x + 1
      for (std::size_t i = at; i < at + negate_unit_; ++i) {
        const unsigned value = std::to_integer<unsigned>(~block[i]) + carry;
        block[i] = static_cast<std::byte>(value);
        carry = value >> 8;
      }
    }
  }
}

}  // namespace hardload
