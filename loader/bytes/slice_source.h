// SliceSource: a part of another source, as a source of its own.
//
// For an archive that lies behind a foreign header, or inside a larger file:
//
//   HARDLOAD_ASSIGN(auto slice, SliceSource::make(whole, header_bytes, whole->size() -
//   header_bytes)); HARDLOAD_ASSIGN(Checkpoint checkpoint, load(std::move(slice)));
//
// Offsets in errors count from the slice's beginning. Ownership: shares the whole source. Threads:
// as the whole source.
#pragma once

#include <memory>

#include "loader/bytes/byte_source.h"

namespace hardload {

class SliceSource final : public ByteSource {
 public:
  // The `bytes` bytes of `whole` from `offset` on. Errors: kBounds where they are not inside it.
  static Result<std::shared_ptr<const ByteSource>> make(std::shared_ptr<const ByteSource> whole,
                                                        std::uint64_t offset, std::uint64_t bytes);

  std::string_view name() const override { return whole_->name(); }
  std::uint64_t size() const override { return bytes_; }
  std::uint64_t allocated_bytes() const override;
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  bool is_cached(std::uint64_t offset) const override {
    return whole_->is_cached(offset_ + offset);
  }
  Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const override;
  std::span<const std::byte> view() const override;
  Result<void> check_unchanged() const override { return whole_->check_unchanged(); }

 private:
  SliceSource(std::shared_ptr<const ByteSource> whole, std::uint64_t offset, std::uint64_t bytes)
      : whole_(std::move(whole)), offset_(offset), bytes_(bytes) {}

  std::shared_ptr<const ByteSource> whole_;
  std::uint64_t offset_, bytes_;
};

}  // namespace hardload
