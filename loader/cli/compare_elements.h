// compare_elements: how the elements of two tensors of one shape differ.
//
// Without a tolerance, elements of one dtype are the same if they have the same bits; those of two
// dtypes, if they are the same number. With one, floating-point and complex elements may differ by
// it, zeros of both signs are the same, and so is NaN and NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "loader/base/result.h"
#include "loader/cli/element_value.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// a and b are the same where |a - b| <= absolute + relative * |b|, as torch.isclose has it.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

struct ElementsDifference {
  std::uint64_t elements = 0;       // that were compared; a group that shares bytes is one
  std::uint64_t differing = 0;      // of these
  std::vector<std::int64_t> first;  // index of the first that differs; empty for a scalar

  // Of those that differ. Only where both dtypes have element values.
  bool has_values = false;
  ElementValue first_a, first_b;
  double max_absolute = 0;    // |a - b|
  double max_relative = 0;    // |a - b| / |b|
  std::uint64_t one_nan = 0;  // how many are NaN on one side alone, and not in the maxima
};

// A tensor that has elements, and all content of its storage, little-endian. Borrows.
struct TensorContent {
  const Manifest& manifest;
  const TensorSpec& tensor;
  std::span<const std::byte> storage;
};

// Whether elements of these types can be compared: of one dtype, or both numbers.
bool can_compare(Dtype a, Dtype b);

// Only where can_compare() and the shapes are the same. Errors: those of ElementReader::open. Takes
// little memory.
Result<ElementsDifference> compare_elements(const TensorContent& a, const TensorContent& b,
                                            const std::optional<Tolerance>& tolerance);

}  // namespace hardload
