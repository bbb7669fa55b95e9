// checked_add, checked_mul: arithmetic on numbers from a file, which may be anything.
//
//   const auto end = checked_add(offset, size);
//   if (!end || *end > file_size) return Error(ErrorKind::kBounds, ...);
#pragma once

#include <concepts>
#include <optional>

namespace hardload {

// a + b, or nullopt where T cannot hold it.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// a * b, or nullopt where T cannot hold it.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace hardload
