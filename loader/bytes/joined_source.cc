#include "loader/bytes/joined_source.h"

#include <algorithm>

#include "loader/base/checked.h"

namespace hardload {
namespace {

constexpr std::uint64_t kGap = 1 << 20;

}  // namespace

Result<std::shared_ptr<const JoinedSource>> JoinedSource::make(
    std::string name, std::vector<std::shared_ptr<const ByteSource>> sources) {
  std::shared_ptr<JoinedSource> joined(new JoinedSource(std::move(name)));
  const auto counted = [&](std::uint64_t a, std::uint64_t b) -> Result<std::uint64_t> {
    if (const auto sum = checked_add(a, b)) return *sum;
    return Error(ErrorKind::kLimit, Stage::kBytes, "the files together have more than 2^64 bytes")
        .in_source(joined->name_);
  };
  for (auto& source : sources) {
    if (!joined->parts_.empty()) {
      HARDLOAD_ASSIGN(const std::uint64_t next,
                      counted(joined->size_, kGap + ByteSource::kDirectUnit));
      joined->size_ = next / ByteSource::kDirectUnit * ByteSource::kDirectUnit;
    }
    const std::uint64_t begin = joined->size_;
    HARDLOAD_ASSIGN(joined->size_, counted(begin, source->size()));
    joined->allocated_bytes_ += source->allocated_bytes();  // at most its size
    joined->parts_.push_back({begin, std::move(source)});
  }
  return std::shared_ptr<const JoinedSource>(std::move(joined));
}

const JoinedSource::Part& JoinedSource::part_at(std::uint64_t offset) const {
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), offset,
                       [](std::uint64_t at, const Part& part) { return at < part.begin; });
  return *std::prev(behind);
}

Result<void> JoinedSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, out.size()));
  if (out.empty()) return {};
  const Part& part = part_at(offset);
  return part.source->read_at(offset - part.begin, out);
}

bool JoinedSource::is_cached(std::uint64_t offset) const {
  const Part& part = part_at(offset);
  return part.source->is_cached(offset - part.begin);
}

Result<void> JoinedSource::read_direct(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, 0));
  if (out.empty()) return {};
  const Part& part = part_at(offset);
  return part.source->read_direct(offset - part.begin, out);
}

std::span<const std::byte> JoinedSource::view_at(std::uint64_t offset, std::uint64_t count) const {
  if (parts_.empty()) return {};
  const Part& part = part_at(offset);
  return part.source->view_at(offset - part.begin, count);
}

Result<void> JoinedSource::check_unchanged() const {
  for (const Part& part : parts_) HARDLOAD_TRY(part.source->check_unchanged());
  return {};
}

}  // namespace hardload
