#include "loader/cli/compare_elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "loader/cli/elements.h"

namespace hardload {
namespace {

constexpr std::uint64_t kBlock = 4096;  // elements

bool is_nan(const ElementValue& value) {
  return std::isnan(value.real) || std::isnan(value.imaginary);
}

bool is_same_number(const ElementValue& a, const ElementValue& b) {
  return (a.real == b.real && a.imaginary == b.imaginary) || (is_nan(a) && is_nan(b));
}

long double size_of(const ElementValue& value) { return std::hypot(value.real, value.imaginary); }

// NaN only where one of them is, for infinities are told apart before.
long double distance(const ElementValue& a, const ElementValue& b) {
  const auto apart = [](long double x, long double y) { return x == y ? 0 : std::fabs(x - y); };
  return std::hypot(apart(a.real, b.real), apart(a.imaginary, b.imaginary));
}

class Comparison {
 public:
  Comparison(const TensorSpec& a, const TensorSpec& b, const std::optional<Tolerance>& tolerance)
      : a_(a.dtype), b_(b.dtype), same_dtype_(a.dtype == b.dtype) {
    result_.has_values = has_element_values(a.dtype) && has_element_values(b.dtype);
    const auto is_inexact = [](Dtype dtype) {
      return info(dtype).is_floating || info(dtype).is_complex;
    };
    // Integers are the same or not.
    if (is_inexact(a.dtype) || is_inexact(b.dtype)) tolerance_ = tolerance;
  }

  void compare(std::span<const std::byte> a, std::span<const std::byte> b) {
    const std::size_t step_a = item_bytes(a_), step_b = item_bytes(b_);
    const std::size_t count = a.size() / step_a;
    if (!same_dtype_ || std::memcmp(a.data(), b.data(), a.size()) != 0) {
      for (std::size_t i = 0; i < count; ++i) {
        compare_one(&a[i * step_a], &b[i * step_b], result_.elements + i);
      }
    }
    result_.elements += count;
  }

  ElementsDifference result(std::span<const std::int64_t> shape) && {
    const auto per_item = info(a_).per_item;
    result_.first.assign(shape.size(), 0);
    for (std::size_t i = shape.size(); i-- > 0 && result_.differing != 0;) {
      // A row of the last dimension begins with a byte of its own.
      const bool packed = i + 1 == shape.size() && per_item != 1;
      const auto size =
          static_cast<std::uint64_t>(packed ? (shape[i] + per_item - 1) / per_item : shape[i]);
      result_.first[i] = static_cast<std::int64_t>(first_ % size) * (packed ? per_item : 1);
      first_ /= size;
    }
    return std::move(result_);
  }

 private:
  void compare_one(const std::byte* a, const std::byte* b, std::uint64_t position) {
    if (same_dtype_ && std::memcmp(a, b, item_bytes(a_)) == 0) return;
    ElementValue x, y;
    if (result_.has_values) {
      x = element_value(a_, a);
      y = element_value(b_, b);
      if (!differ(x, y)) return;
      measure(x, y);
    }
    if (result_.differing++ != 0) return;
    first_ = position;
    result_.first_a = x;
    result_.first_b = y;
  }

  // Of elements whose bits or dtypes differ.
  bool differ(const ElementValue& a, const ElementValue& b) const {
    if (!tolerance_) return same_dtype_ || !is_same_number(a, b);
    if (is_same_number(a, b)) return false;
    const long double apart = distance(a, b);
    return !(std::isfinite(apart) &&
             apart <= tolerance_->absolute + tolerance_->relative * size_of(b));
  }

  void measure(const ElementValue& a, const ElementValue& b) {
    if (is_nan(a) != is_nan(b)) {
      ++result_.one_nan;
      return;
    }
    if (is_same_number(a, b)) return;  // zeros of two signs, NaNs of two payloads
    const long double apart = distance(a, b), size = size_of(b);
    const long double relative = std::isfinite(apart) && size != 0
                                     ? apart / size
                                     : std::numeric_limits<long double>::infinity();
    result_.max_absolute = std::max(result_.max_absolute, static_cast<double>(apart));
    result_.max_relative = std::max(result_.max_relative, static_cast<double>(relative));
  }

  const Dtype a_, b_;
  const bool same_dtype_;
  std::optional<Tolerance> tolerance_;
  ElementsDifference result_;
  std::uint64_t first_ = 0;  // in row-major order
};

}  // namespace

bool can_compare(Dtype a, Dtype b) {
  if (a == b) return true;
  const auto is_number = [](Dtype dtype) {
    return has_element_values(dtype) && !info(dtype).is_quantized;
  };
  return is_number(a) && is_number(b);
}

Result<ElementsDifference> compare_elements(const TensorContent& a, const TensorContent& b,
                                            const std::optional<Tolerance>& tolerance) {
  HARDLOAD_ASSIGN(ElementReader left, ElementReader::open(a.manifest, a.tensor, a.storage));
  HARDLOAD_ASSIGN(ElementReader right, ElementReader::open(b.manifest, b.tensor, b.storage));
  Comparison comparison(a.tensor, b.tensor, tolerance);
  while (true) {
    const auto block = left.next(kBlock);
    if (block.empty()) break;
    comparison.compare(block, right.next(kBlock));
  }
  return std::move(comparison).result(a.manifest.shape(a.tensor));
}

}  // namespace hardload
