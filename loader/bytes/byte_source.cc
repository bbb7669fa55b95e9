#include "loader/bytes/byte_source.h"

#include <algorithm>

#include "loader/base/text.h"

namespace hardload {

Result<void> ByteSource::check_range(std::uint64_t offset, std::uint64_t count) const {
  if (offset <= size() && count <= size() - offset) return {};
  return Error(ErrorKind::kBounds, Stage::kBytes,
               concat(count, " bytes are needed here, but the file ends at byte ", size()))
      .in_source(name())
      .at(offset);
}

Result<void> ByteSource::read_direct(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, 0));
  return read_at(offset, out.first(std::min<std::uint64_t>(out.size(), size() - offset)));
}

}  // namespace hardload
