#include "loader/manifest/layout.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

Error wrong(std::string problem) {
  return Error(ErrorKind::kLayout, Stage::kManifest, std::move(problem));
}

// offset + the sum of (size - 1) * stride: where the last element is.
std::optional<std::int64_t> last_element(std::span<const std::int64_t> sizes,
                                         std::span<const std::int64_t> strides,
                                         std::int64_t offset) {
  std::optional<std::int64_t> last = offset;
  for (std::size_t i = 0; i < sizes.size() && last; ++i) {
    const auto extent = checked_mul(sizes[i] - 1, strides[i]);
    last = extent ? checked_add(*last, *extent) : std::nullopt;
  }
  return last;
}

}  // namespace

Result<std::int64_t> count_elements(std::span<const std::int64_t> sizes) {
  bool empty = false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) return wrong(concat("size ", i, " is ", sizes[i]));
    empty = empty || sizes[i] == 0;
  }
  if (empty) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    const auto product = checked_mul(count, size);
    if (!product) return wrong("the number of elements overflows");
    count = *product;
  }
  return count;
}

std::uint64_t packed_bytes(std::span<const std::int64_t> sizes, std::uint64_t per_byte) {
  if (sizes.empty()) return 1;
  std::uint64_t rows = 1;
  for (const std::int64_t size : sizes.first(sizes.size() - 1)) {
    rows *= static_cast<std::uint64_t>(size);
  }
  const auto last = static_cast<std::uint64_t>(sizes.back());
  return rows * (last / per_byte + (last % per_byte != 0 ? 1 : 0));
}

Result<void> set_row_major(std::span<const std::int64_t> sizes,
                           std::vector<std::int64_t>& strides) {
  strides.assign(sizes.size(), 1);
  for (std::size_t i = sizes.size(); i-- > 1;) {
    const auto stride = checked_mul(strides[i], std::max<std::int64_t>(sizes[i], 1));
    if (!stride) return wrong("the product of the sizes overflows");
    strides[i - 1] = *stride;
  }
  return {};
}

bool is_contiguous(std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides) {
  std::int64_t expected = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] != 1 && strides[i] != expected) return false;
    expected *= sizes[i];
  }
  return true;
}

Result<std::int64_t> check_layout(std::span<const std::int64_t> sizes,
                                  std::span<const std::int64_t> strides, std::int64_t offset,
                                  std::uint64_t item_bytes, std::uint64_t storage_bytes) {
  if (sizes.size() != strides.size()) {
    return wrong(concat("there are ", sizes.size(), " sizes, but ", strides.size(), " strides"));
  }
  if (offset < 0) return wrong(concat("the storage offset is ", offset));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) return wrong(concat("size ", i, " is ", sizes[i]));
    if (strides[i] < 0) return wrong(concat("stride ", i, " is ", strides[i]));
  }
  HARDLOAD_ASSIGN(const std::int64_t count, count_elements(sizes));
  if (count == 0) return 0;
  if (!checked_mul(count, static_cast<std::int64_t>(item_bytes))) {
    return wrong("the number of elements overflows");
  }
  const auto last = last_element(sizes, strides, offset);
  if (!last) return wrong("sizes and strides overflow");
  if (static_cast<std::uint64_t>(*last) >= storage_bytes / item_bytes) {
    return wrong(concat("the view reaches up to element ", *last, ", but the storage holds ",
                        storage_bytes / item_bytes));
  }
  return count;
}

}  // namespace hardload
