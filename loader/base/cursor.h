// Cursor: reads little-endian fields from bytes in memory and never past their end.
//
// All binary structures of a checkpoint (zip headers, pickle arguments) are read through it.
//
//   Cursor cursor(header);
//   const auto size = cursor.read<std::uint32_t>();   // nullopt: fewer than four bytes left
//   const auto name = cursor.take(*size);
//
// Ownership: borrows the bytes. Threads: one thread at a time.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace hardload {

class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // Bytes consumed, and bytes left.
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  // The next sizeof(T) bytes as a little-endian integer; nullopt, and no move, where too few.
  template <std::unsigned_integral T>
  std::optional<T> read() {
    if (remaining() < sizeof(T)) [[unlikely]]
      return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    if constexpr (std::endian::native == std::endian::big) {
      T swapped = 0;
      for (std::size_t i = 0; i < sizeof(T); ++i) {
        swapped = static_cast<T>(swapped << 8 | (value >> (8 * i) & 0xFF));
      }
      value = swapped;
    }
    return value;
  }

  // The next `count` bytes; nullopt, and no move, where too few.
  std::optional<std::span<const std::byte>> take(std::uint64_t count) {
    if (count > remaining()) [[unlikely]]
      return std::nullopt;
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }

  // The next `count` bytes as text.
  std::optional<std::string_view> take_text(std::uint64_t count) {
    const auto bytes = take(count);
    if (!bytes) [[unlikely]]
      return std::nullopt;
    return as_text(*bytes);
  }

  static std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace hardload
