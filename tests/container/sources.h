// Sources of bytes that no small file can be: huge and sparse, failing, or counting.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "loader/bytes/byte_source.h"

namespace hardload::testing {

// `bytes` with a hole of `hole_bytes` zeros in front of position `hole_at`. As in a sparse file,
// the hole occupies nothing.
class SparseSource final : public ByteSource {
 public:
  SparseSource(std::string bytes, std::uint64_t hole_at, std::uint64_t hole_bytes)
      : bytes_(std::move(bytes)), hole_at_(hole_at), hole_end_(hole_at + hole_bytes) {}

  std::string_view name() const override { return "sparse"; }
  std::uint64_t size() const override { return bytes_.size() + hole_end_ - hole_at_; }
  std::uint64_t allocated_bytes() const override { return bytes_.size(); }

  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    HARDLOAD_TRY(check_range(offset, out.size()));
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = offset + i;
      const bool in_hole = at >= hole_at_ && at < hole_end_;
      const std::uint64_t before = at < hole_at_ ? 0 : hole_end_ - hole_at_;
      out[i] = in_hole ? std::byte{0} : static_cast<std::byte>(bytes_[at - before]);
    }
    return {};
  }

 private:
  std::string bytes_;
  std::uint64_t hole_at_, hole_end_;
};

// Lends `bytes`, but fails from the read with number `first_failure` (from 0) on.
class FailingSource final : public ByteSource {
 public:
  FailingSource(std::string_view bytes, int first_failure)
      : bytes_(bytes), reads_left_(first_failure) {}

  std::string_view name() const override { return "failing"; }
  std::uint64_t size() const override { return bytes_.size(); }

  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    HARDLOAD_TRY(check_range(offset, out.size()));
    if (reads_left_-- <= 0) return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone");
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }

 private:
  std::string_view bytes_;
  mutable int reads_left_;
};

// Lends `bytes`, and counts those that are read.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(std::string_view bytes) : bytes_(bytes) {}

  std::string_view name() const override { return "counting"; }
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    HARDLOAD_TRY(check_range(offset, out.size()));
    bytes_read_ += out.size();
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::string_view bytes_;
  mutable std::uint64_t bytes_read_ = 0;
};

}  // namespace hardload::testing
