#include "loader/bytes/slice_source.h"

#include <algorithm>
#include <utility>

namespace hardload {

Result<std::shared_ptr<const ByteSource>> SliceSource::make(std::shared_ptr<const ByteSource> whole,
                                                            std::uint64_t offset,
                                                            std::uint64_t bytes) {
  HARDLOAD_TRY(whole->check_range(offset, bytes));
  return std::shared_ptr<const ByteSource>(new SliceSource(std::move(whole), offset, bytes));
}

// Which of the whole's blocks are missing is not known; no more than it has are in the slice.
std::uint64_t SliceSource::allocated_bytes() const {
  return std::min(bytes_, whole_->allocated_bytes());
}

Result<void> SliceSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, out.size()));
  return whole_->read_at(offset_ + offset, out);
}

Result<void> SliceSource::read_direct(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset_ % kDirectUnit != 0) return ByteSource::read_direct(offset, out);
  HARDLOAD_TRY(check_range(offset, 0));
  return whole_->read_direct(offset_ + offset, out);
}

std::span<const std::byte> SliceSource::view() const {
  const auto whole = whole_->view();
  return whole.empty() ? whole : whole.subspan(offset_, bytes_);
}

}  // namespace hardload
