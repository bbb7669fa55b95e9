// diff: what two checkpoints hold, compared.
//
//   HARDLOAD_ASSIGN(const Diff found, diff({*source_a, a}, {*source_b, b}, {}));
//   if (!found.is_same()) write_diff_text(...);
//
// Compared are names, dtypes, shapes, layouts, quantizers and elements of tensors
// (compare_elements.h) and the values beside them (compare_values.h). Not compared are what does
// not change what a model computes: the container and its version, byte order, devices, strides,
// which tensors share a storage, requires_grad, the order of entries. Ownership: a Diff refers to
// both manifests.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/cli/compare_elements.h"
#include "loader/cli/compare_values.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct DiffSide {
  const ByteSource& source;
  const Manifest& manifest;
};

struct DiffOptions {
  const Limits& limits;
  std::optional<Tolerance> tolerance;
};

// Two tensors that stand against each other, or the parts in one role of two such (named_parts.h).
struct TensorPair {
  std::uint32_t a, b;     // among Manifest::tensors()
  std::string_view role;  // empty for the tensors themselves
  bool dtype = false;     // differs; so do
  bool shape = false;
  bool layout = false;
  bool quantizer = false;  // scheme, axis, or the scale and zero point of all elements
  bool data = false;       // one is on the meta device
  std::optional<ElementsDifference> elements;  // where some differ

  bool is_same() const { return !dtype && !shape && !layout && !quantizer && !data && !elements; }
};

// Tensors of one name that differ, or a tensor that one file lacks.
struct TensorDifference {
  std::optional<std::uint32_t> a, b;  // among Manifest::named_tensors()
  bool path = false;                  // one name, but made of other keys: 1 and "1"
  std::vector<TensorPair> pairs;      // that differ; none where one file lacks the tensor
};

struct Diff {
  std::vector<TensorDifference> tensors;  // in the order of a, then those of b alone
  ValuesDifference values;

  bool is_same() const { return tensors.empty() && values.found.empty(); }
};

// Reads storages that stand against each other two at a time, the whole of each, and verifies their
// CRC-32s. Errors: kLimit where views of zero or overlapping strides, or storages that are to be
// read again and again, make more than Limits allow of files of this size; kUnsupported for a neg
// bit on a dtype that cannot be negated; those of read_record. They carry their file's name.
Result<Diff> diff(const DiffSide& a, const DiffSide& b, const DiffOptions& options);

}  // namespace hardload
